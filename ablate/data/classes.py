"""Texts with a class each, from SentEval's folders. The transfer tasks are measured on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from ablate.data.items import ItemRow, ItemSet
from ablate.data.lines import cells, read_lines
from ablate.errors import DataError


@dataclass(frozen=True)
class ClassSet(ItemSet):
    """The ``n`` items on which a classifier is judged (single texts or pairs), and those that it is fitted on.

    gold: float64 [n], the class of each item, a whole number from 0.
    train: the items to fit on; None if the set is cross-validated.
    dev: the items on which the strength of the regularization is chosen; None to choose it on folds of ``train``.
    """

    train: ItemSet | None = None
    dev: ItemSet | None = None

    @property
    def parts(self) -> tuple[ItemSet, ...]:
        """The sets other than the judged items."""
        return tuple(part for part in (self.train, self.dev) if part is not None)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """The distinct texts of all parts: what a model has to embed."""
        return tuple(dict.fromkeys((*super().sentences, *(s for part in self.parts for s in part.sentences))))

    @cached_property
    def hash(self) -> str:
        """sha256 of all parts."""
        return hashlib.sha256(" ".join((super().hash, *(part.hash for part in self.parts))).encode()).hexdigest()


TREC_CLASSES = ("ABBR", "DESC", "ENTY", "HUM", "LOC", "NUM")

_FILE_PER_CLASS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "mr": ("MR/rt-polarity.neg", "MR/rt-polarity.pos"),
        "cr": ("CR/custrev.neg", "CR/custrev.pos"),
        "subj": ("SUBJ/subj.subjective", "SUBJ/subj.objective"),
        "mpqa": ("MPQA/mpqa.neg", "MPQA/mpqa.pos"),
    }
)
"""The files of class 0 and of class 1."""


def _sentiment(path: Path) -> list[ItemRow]:
    rows: list[ItemRow] = []
    for number, line in enumerate(read_lines(path), 1):
        place = f"{path}:{number}"
        text, label = cells(line, 2, place)
        rows.append(((_text(text),), _label(label, place), ""))
    return rows


def _question(path: Path) -> list[ItemRow]:
    rows: list[ItemRow] = []
    for number, line in enumerate(read_lines(path, "latin-1"), 1):
        label, colon, rest = line.strip().partition(":")
        fine, space, text = rest.partition(" ")
        if label not in TREC_CLASSES or not (colon and fine and space):
            raise DataError(
                f"{path}:{number}: not `COARSE:fine question` with one of {', '.join(TREC_CLASSES)}; correct the line"
            )
        rows.append(((_text(text),), float(TREC_CLASSES.index(label)), ""))
    return rows


def _paraphrase(path: Path) -> list[ItemRow]:
    rows: list[ItemRow] = []
    for number, line in enumerate(read_lines(path), 1):
        place = f"{path}:{number}"
        label, _, _, left, right = cells(line, 5, place)
        if number == 1:
            # Otherwise the first pair would be skipped as if it were the header.
            if label in ("0", "1"):
                raise DataError(f"{place}: this should be the header line, and is a pair; copy the file again")
            continue
        rows.append(((_text(left), _text(right)), _label(label, place), ""))
    return rows


_WITH_TRAIN: Mapping[str, tuple[Callable[[Path], list[ItemRow]], Mapping[str, str]]] = MappingProxyType(
    {
        "sst2": (
            _sentiment,
            {part: f"SST/binary/sentiment-{part}" for part in ("test", "train", "dev")},
        ),
        "trec": (_question, {"test": "TREC/TREC_10.label", "train": "TREC/train_5500.label"}),
        "mrpc": (_paraphrase, {part: f"MRPC/msr_paraphrase_{part}.txt" for part in ("test", "train")}),
    }
)
"""How to read a file, and the file of each part."""

CLASS_SETS: Mapping[str, int] = MappingProxyType(
    {"mr": 10662, "cr": 3775, "subj": 10000, "mpqa": 10606, "sst2": 1821, "trec": 500, "mrpc": 1725}
)
"""Every set -> the number of texts or pairs that are judged in the standard files."""
PART_SIZES: Mapping[str, int] = MappingProxyType(
    {"sst2-train": 67349, "sst2-dev": 872, "trec-train": 5452, "mrpc-train": 4076}
)
"""Every part that a classifier is fitted on -> the number of its texts or pairs in the standard files."""


def files(name: str) -> dict[str, str]:
    """The files of a set, relative to the folder: by part, or by class if the set has no parts."""
    if name in _WITH_TRAIN:
        return dict(_WITH_TRAIN[name][1])
    return {str(label): file for label, file in enumerate(_FILE_PER_CLASS[name])}


def load(folder: Path, name: str, source: str) -> ClassSet:
    """Reads a set of :data:`CLASS_SETS` as SentEval does.

    Files that hold one class each are read as latin-1. Their empty lines are kept as empty texts, as in SentEval:
    without them the folds would differ.

    Raises:
        DataError: a file is absent, cut short or malformed, or has fewer than two classes.
    """
    if name in _FILE_PER_CLASS:
        singles: list[ItemRow] = [
            ((_text(line),), float(label), "")
            for label, file in files(name).items()
            for line in read_lines(folder / file, "latin-1", keep_blank=True)
        ]
        return ClassSet.from_rows(name, "test", source, singles)
    read, parts = _WITH_TRAIN[name]
    rows_of = {}
    for part, file in parts.items():
        rows_of[part] = rows = read(folder / file)
        if len({label for _, label, _ in rows}) < 2:
            raise DataError(f"{folder / file}: fewer than two classes in {len(rows)} lines; copy the file again")
    judged = rows_of.pop("test")
    others = {part: ItemSet.from_rows(f"{name}-{part}", part, source, rows) for part, rows in rows_of.items()}
    return ClassSet.from_rows(name, "test", source, judged, **others)


def _text(line: str) -> str:
    return " ".join(line.split())


def _label(text: str, place: str) -> float:
    if text.strip() not in ("0", "1"):
        raise DataError(f"{place}: class '{text.strip()}' is neither 0 nor 1; correct the line")
    return float(text)
