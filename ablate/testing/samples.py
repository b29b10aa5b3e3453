"""A few sentences and pairs for tests."""

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
    everything = [f"{s} {v} {p}" for s in _SUBJECTS for v in _VERBS for p in _PLACES]
    return tuple(random.Random(seed).sample(everything, count))


def sample_calibration(
    *, pairs: int = 8, sentences: int = 12, batch_size: int = 4, dropout: bool = False, seed: int = 0
) -> Calibration:
    """A calibration set; with ``dropout`` the two members of a pair are one sentence. Another seed, other sentences."""
    drawn = sample_sentences(2 * pairs + sentences, seed)
    left, right, rest = drawn[:pairs], drawn[pairs : 2 * pairs], drawn[2 * pairs :]
    positives = tuple(zip(left, left if dropout else right, strict=True))
    graded = tuple((a, b, 5.0 * i / pairs) for i, (a, b) in enumerate(zip(left, right, strict=True)))
    return Calibration(positives, rest, batch_size, 0, dropout, frozenset(), graded)


def sample_tasks(names: Iterable[str]) -> dict[str, tuple[Loaded, ...]]:
    """An STS task of 20 pairs behind each name that a scorer gives."""
    from ablate.tasks.loaded import Loaded
    from ablate.tasks.sts import STS_TASKS

    data = SampleSource().load("sample-dev")
    return {name: (Loaded(STS_TASKS[0](), data, np.ones(len(data), bool)),) for name in names}


class SampleSource:
    """Has every data set of any name: the same 20 pairs, graded 0 to 5, in two subsets.

    Under the name of a transfer set: 24 items of two classes, and as many to learn from where it has a train split.
    They are pairs under the name of a set of pairs (``mrpc``), else single texts.
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
        beside: dict[str, Any] = {
            part: ItemSet(name, part, self.label, part_texts, gold, ("",) * 24)
            for part, part_texts in (("train", texts[24:48]), ("dev", texts[48:]))
            if name in CLASS_SETS and part in files(name)
        }
        return ClassSet(name, "test", self.label, texts[:24], gold, ("",) * 24, **beside)


class EmptySource(SampleSource):
    """Names its data sets, and has none of them."""

    def load(self, name: str) -> ItemSet:
        raise DataError(f"'{self.label}' lacks '{name}'")
