"""Does a cell's gain survive whitening and all-but-the-top? A gain that comes from less anisotropy should not.

    ABLATE_DATA=… python benchmarks/anisotropy.py RECIPE --store STORE

The recipe is run (a finished run is read from the store), and each confirmed cell is compared with dense on the confirm
tasks: the embeddings as they are; without their mean and their first components, a hundredth of the
dimensions (all-but-the-top: Mu and Viswanath 2018); and whitened (Su et al. 2021). The cell and dense each have maps of
their own, fitted to their embeddings of the sentences of the train splits. Prints a Markdown table: Δ is the mean over
the tasks on the clean pairs, in points, with a 95 % percentile interval of a bootstrap of pairs; cosine is the mean
cosine of two test sentences, of dense and of the cell.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

import ablate
from ablate.data.items import ItemSet
from ablate.data.sources import resolve
from ablate.models.sentence_transformer import sentence_transformer
from ablate.recipe.recipe import load_recipe
from ablate.statistics.spearman import correlate, weigh

Matrix = NDArray[np.float64]
Map = Callable[[Matrix], Matrix]

DRAWS = 1000


def as_is(_: Matrix) -> Map:
    return lambda embeddings: embeddings


def all_but_the_top(fitted: Matrix) -> Map:
    mean = fitted.mean(0)
    _, _, components = np.linalg.svd(fitted - mean, full_matrices=False)
    top = components[: max(fitted.shape[1] // 100, 1)]
    return lambda embeddings: (embeddings - mean) - (embeddings - mean) @ top.T @ top


def whitened(fitted: Matrix) -> Map:
    mean = fitted.mean(0)
    vectors, values, _ = np.linalg.svd(np.cov(fitted.T))
    return lambda embeddings: (embeddings - mean) @ (vectors / np.sqrt(values))


MAPS = {"as they are": as_is, "all but the top": all_but_the_top, "whitened": whitened}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--store", required=True)
    given = parser.parse_args()
    results = ablate.run(given.recipe, store=given.store)
    source = resolve("senteval", os.environ).source
    train = distinct([source.load(name) for name in ("stsb-train", "sickr-train")])
    specs = {spec.label or spec.name: spec for spec in load_recipe(given.recipe)[0].model}
    print("| model | cell | embeddings | dense | Δ | 95 % | cosine |\n|---|---|---|--:|--:|--:|--:|")
    for cell in results.filter(stage="confirm").cells:
        clean = [source.load(row.task).only(cell.pairs(row.task).clean) for row in cell.rows]
        sentences = distinct(clean)
        model = sentence_transformer(specs[cell.model])
        dense = encoded(model, train), encoded(model, sentences)
        with ablate.masked(model, cell):
            masked = encoded(model, train), encoded(model, sentences)
        places = {sentence: place for place, sentence in enumerate(sentences)}
        for name, fit in MAPS.items():
            mapped = [unit(fit(fitted)(tested)) for fitted, tested in (dense, masked)]
            score, gain, low, high = compared(clean, places, mapped)
            cosines = " / ".join(f"{cosine(embeddings):.2f}" for embeddings in mapped)
            gains = f"{score:.2f} | {gain:+.2f} | {low:+.2f} to {high:+.2f}"
            print(f"| {cell.model} | {cell.name} | {name} | {gains} | {cosines} |", flush=True)


def distinct(sets: Sequence[ItemSet]) -> list[str]:
    return sorted({sentence for data in sets for sentence in data.sentences})


def encoded(model: SentenceTransformer, sentences: list[str]) -> Matrix:
    return model.encode(sentences, batch_size=128, show_progress_bar=False).astype(np.float64)


def compared(
    tests: Sequence[ItemSet], places: dict[str, int], mapped: Sequence[Matrix]
) -> tuple[float, float, float, float]:
    """The dense model's mean score, and the gain of the cell with its interval, in points. mapped: rows of length 1."""
    rng = np.random.default_rng(0)
    means = np.zeros((2, 1 + DRAWS))
    for data in tests:
        n = len(data)
        # The first counts each pair once.
        counts = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), DRAWS)]).astype(np.float64)
        gold = weigh(data.gold, counts)
        left, right = ([places[texts[side]] for texts in data.texts] for side in (0, 1))
        for of_model, embeddings in zip(means, mapped, strict=True):
            of_model += 100 * correlate((embeddings[left] * embeddings[right]).sum(1), gold) / len(tests)
    gains = means[1] - means[0]
    low, high = np.quantile(gains[1:], [0.025, 0.975])
    return float(means[0, 0]), float(gains[0]), float(low), float(high)


def cosine(embeddings: Matrix) -> float:
    """The mean cosine of two different rows, which have length 1."""
    n = len(embeddings)
    return float((np.square(embeddings.sum(0)).sum() - n) / (n * (n - 1)))


def unit(embeddings: Matrix) -> Matrix:
    normed: Matrix = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return normed


if __name__ == "__main__":
    main()
