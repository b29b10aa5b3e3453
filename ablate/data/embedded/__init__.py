"""The embedded data set: English sentence pairs that ablate makes itself, the same on every machine.

A grammar and a lexicon of our own draw events (who does what to whom, where, when), say them in many ways, and change
them in a known way; the gold similarity follows from what was changed, not from the words. A bank of free wordings adds
what no grammar says. All are made in memory, from fixed seeds and ``Random.random()`` alone, whose sequence Python
promises to keep; a test pins the hash of every split.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ablate.data.classes import ClassSet
from ablate.data.embedded.generate import rows, texts
from ablate.data.items import ItemSet
from ablate.errors import DataError, suggest

_SPLITS = {"synthetic": "test", "synthetic-dev": "dev", "synthetic-train": "train"}
_TENSES = "synthetic-tense"
_LABEL = "embedded (synthetic)"


@cache
def _load(name: str) -> ItemSet:
    left, right, gold, kinds = zip(*rows(_SPLITS[name]), strict=True)
    texts = tuple(zip(left, right, strict=True))
    return ItemSet(name, _SPLITS[name], _LABEL, texts, np.array(gold, dtype=np.float64), kinds)


@cache
def _tenses() -> ClassSet:
    sets = {}
    for split in ("train", "test"):
        sentences, tenses = zip(*texts(split), strict=True)
        single = tuple((sentence,) for sentence in sentences)
        sets[split] = single, np.array(tenses, np.float64), ("",) * len(sentences)
    train = ItemSet(_TENSES, "train", _LABEL, *sets["train"])
    return ClassSet(_TENSES, "test", _LABEL, *sets["test"], train=train)


class Embedded:
    """The source of the embedded data set; a :class:`~ablate.data.items.Source`. Needs no file and no network."""

    @property
    def name(self) -> str:
        return "embedded"

    @property
    def label(self) -> str:
        return _LABEL

    def groups(self) -> dict[str, tuple[str, ...]]:
        """``sts``, ``sts-dev``, ``sts-train`` and ``transfer``: one set each."""
        pairs = {"sts": ("synthetic",), "sts-dev": ("synthetic-dev",), "sts-train": ("synthetic-train",)}
        return {**pairs, "transfer": (_TENSES,)}

    def names(self) -> tuple[str, ...]:
        return (*_SPLITS, _TENSES)

    def load(self, name: str) -> ItemSet:
        """The set of that name: 800 (test), 400 (dev) or 1500 (train) pairs, the kind of pair as subset; or 400 texts.

        Raises:
            DataError: there is no such set.
        """
        if name == _TENSES:
            return _tenses()
        if name not in _SPLITS:
            raise DataError(f"the embedded data have no set '{name}': {suggest(name, self.names())}")
        return _load(name)
