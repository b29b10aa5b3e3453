"""How others evaluate a sentence-transformers model on STS pairs: each takes the model and the pairs, and gives scores.

None of their code is here. sentence-transformers is a dependency of ablate. MTEB 2 is used if it is installed
(``pip install mteb``), and SentEval if its folder is given (a clone of facebookresearch/SentEval).
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from torch.nn.functional import normalize

from ablate.tasks.loaded import Loaded

BATCH = 128
"""SimCSE's, for SentEval; sentence-transformers and MTEB have 32 of their own."""

Scores = dict[str, float]
"""Task -> Spearman's correlation of the cosines with the gold scores, × 100."""


@dataclass(frozen=True)
class Pairs:
    """The pairs of a task, with their gold scores."""

    name: str
    first: list[str]
    second: list[str]
    gold: list[float]


def pairs_of(task: Loaded) -> Pairs:
    first, second = zip(*task.data.texts, strict=True)
    return Pairs(task.name, list(first), list(second), task.data.gold.tolist())


Peer = Callable[[SentenceTransformer, Sequence[Pairs]], Scores]


def peers(senteval: Path | None) -> dict[str, Peer]:
    """The peers that are at hand, by name with version."""
    found: dict[str, Peer] = {"sentence-transformers' evaluators": by_sentence_transformers}
    if find_spec("mteb"):
        found[f"MTEB {importlib.import_module('mteb').__version__}"] = by_mteb
    if senteval is not None:
        sys.path.insert(0, str(senteval))
        found["SentEval's loop"] = by_senteval
    return found


def by_sentence_transformers(model: SentenceTransformer, sets: Sequence[Pairs]) -> Scores:
    scores = {}
    for pairs in sets:
        evaluator = EmbeddingSimilarityEvaluator(
            pairs.first, pairs.second, pairs.gold, main_similarity="cosine", write_csv=False
        )
        scores[pairs.name] = 100 * evaluator(model)["spearman_cosine"]
    return scores


def by_mteb(model: SentenceTransformer, sets: Sequence[Pairs]) -> Scores:
    import mteb
    from datasets import Dataset

    scores = {}
    for pairs in sets:
        # Any STS task of its own, with these pairs in place of those that it would download.
        task: Any = mteb.get_task("STS12")
        columns = {"sentence1": pairs.first, "sentence2": pairs.second, "score": pairs.gold}
        task.dataset = {"default": {"test": Dataset.from_dict(columns)}}
        task.data_loaded = True
        results = mteb.evaluate(model, task, cache=None, show_progress_bar=False)
        scores[pairs.name] = 100 * results[0].get_score()
    return scores


def by_senteval(model: SentenceTransformer, sets: Sequence[Pairs]) -> Scores:
    """Its loop over pairs sorted by their words, with a batcher that does what SimCSE's does."""
    evaluation: Any = importlib.import_module("senteval.sts").STSEval
    utils: Any = importlib.import_module("senteval.utils")
    params = utils.dotdict({"batch_size": BATCH})

    def batcher(_: object, batch: Sequence[Sequence[str]]) -> np.ndarray[Any, Any]:
        features = model.preprocess([" ".join(words) for words in batch])
        with torch.no_grad():
            return normalize(model(features)["sentence_embedding"], dim=1).numpy()

    scores = {}
    for pairs in sets:
        task = evaluation.__new__(evaluation)
        task.datasets, task.samples = [pairs.name], []
        words = [(a.split(), b.split(), gold) for a, b, gold in zip(pairs.first, pairs.second, pairs.gold, strict=True)]
        words.sort(key=lambda pair: (len(pair[0]), len(pair[1]), pair[2]))
        task.data = {pairs.name: tuple(map(list, zip(*words, strict=True)))}
        task.do_prepare(params, lambda *_: None)
        scores[pairs.name] = 100 * task.run(params, batcher)[pairs.name]["spearman"][0]
    return scores
