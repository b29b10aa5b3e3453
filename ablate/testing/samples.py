"""Sentences, pairs and data sources for tests."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ablate.data.calibration import Calibration
from ablate.data.classes import CLASS_SETS, ClassSet, files
from ablate.data.items import ItemSet
from ablate.errors import DataError

if TYPE_CHECKING:
    from ablate.tasks.loaded import Loaded

_SUBJECTS = ("the man", "a woman", "the big dog", "a small cat", "two red cats", "the child")
_VERBS = ("plays in", "runs to", "eats on", "reads of", "is in", "was not on")
_PLACES = ("the house", "a tree", "the small car", "two red boats", "the old city by the sea", "a field")


def sample_sentences(count: int, seed: int = 0) -> tuple[str, ...]:
    """Distinct short sentences of various lengths, at most 216."""
    sentences = [f"{subject} {verb} {place}" for subject in _SUBJECTS for verb in _VERBS for place in _PLACES]
    return tuple(random.Random(seed).sample(sentences, count))


def sample_calibration(
    *, pairs: int = 8, sentences: int = 12, batch_size: int = 4, dropout: bool = False, seed: int = 0
) -> Calibration:
    """A calibration set.

    Args:
        dropout: whether the two members of a pair are the same sentence.
        seed: of the sentences.
    """
    drawn = sample_sentences(2 * pairs + sentences, seed)
    left, right, rest = drawn[:pairs], drawn[pairs : 2 * pairs], drawn[2 * pairs :]
    positives = tuple(zip(left, left if dropout else right, strict=True))
    graded = tuple((a, b, 5.0 * i / pairs) for i, (a, b) in enumerate(zip(left, right, strict=True)))
    return Calibration(positives, rest, batch_size, 0, dropout, frozenset(), graded)


def sample_tasks(names: Iterable[str]) -> dict[str, tuple[Loaded, ...]]:
    """Name of a task that a scorer uses -> an STS task of 20 pairs."""
    from ablate.tasks.loaded import Loaded
    from ablate.tasks.sts import STS_TASKS

    data = SampleSource().load("sample-dev")
    return {name: (Loaded(STS_TASKS[0](), data, np.ones(len(data), bool)),) for name in names}


class SampleSource:
    """A source that has a data set of any name: the same 20 pairs, graded 0 to 5, in two subsets.

    The name of a transfer set gives 24 items of two classes, and as many for each further split that the set has. They
    are pairs for a set of pairs (``mrpc``), else single texts.
    """

    name = "sample"
    label = "sample (for tests)"

    def groups(self) -> dict[str, tuple[str, ...]]:
        return {"sts": ("sample",), "sts-dev": ("sample-dev",), "sts-train": ("sample-train",)}

    def names(self) -> tuple[str, ...]:
        return ("sample", "sample-dev", "sample-train")

    def load(self, name: str) -> ItemSet:
        if not name:
            raise DataError("a data set has a name")
        if name in CLASS_SETS or name == "synthetic-tense":
            return self._classes(name)
        sentences = sample_sentences(40)
        pairs = tuple(zip(sentences[:20], sentences[20:], strict=True))
        gold = np.linspace(0, 5, 20)
        subsets = ("first",) * 10 + ("second",) * 10
        return ItemSet(name, "test", self.label, pairs, gold, subsets)

    def _classes(self, name: str) -> ClassSet:
        sentences, gold = sample_sentences(72), np.arange(24, dtype=np.float64) % 2
        texts = tuple((s, s) if name == "mrpc" else (s,) for s in sentences)
        other_splits: dict[str, Any] = {
            part: ItemSet(name, part, self.label, part_texts, gold, ("",) * 24)
            for part, part_texts in (("train", texts[24:48]), ("dev", texts[48:]))
            if name in CLASS_SETS and part in files(name)
        }
        return ClassSet(name, "test", self.label, texts[:24], gold, ("",) * 24, **other_splits)


class EmptySource(SampleSource):
    """A source that names data sets, but cannot load any of them."""

    def load(self, name: str) -> ItemSet:
        raise DataError(f"'{self.label}' lacks '{name}'")
