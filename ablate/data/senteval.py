"""Item sets from a folder laid out like SentEval's ``data/downstream``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ablate.data import classes
from ablate.data.items import ItemRow, ItemSet
from ablate.data.lines import cells, gold_score, read_lines, sentence
from ablate.data.names import GROUPS, split_of
from ablate.data.standard import SETS, compared_with_standard
from ablate.errors import DataError, suggest

SUBSETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "sts12": ("MSRpar", "MSRvid", "SMTeuroparl", "surprise.OnWN", "surprise.SMTnews"),
        # STS13 has a fourth subset, SMT, whose sentences are not freely available, so papers leave it out.
        "sts13": ("FNWN", "headlines", "OnWN"),
        "sts14": ("deft-forum", "deft-news", "headlines", "images", "OnWN", "tweet-news"),
        "sts15": ("answers-forums", "answers-students", "belief", "headlines", "images"),
        "sts16": ("answer-answer", "headlines", "plagiarism", "postediting", "question-question"),
    }
)
"""The subsets of a SemEval year, in SentEval's order."""


@dataclass(frozen=True)
class _TableFile:
    """A tab-separated file: where it is, and which columns (from 0) matter. Gold scores are ``low`` to 5.

    columns: how many a line has. more: whether a line may have more, as the publisher's files of STS-B have.
    """

    path: str
    columns: int
    gold: int
    left: int
    right: int
    header: bool
    low: float
    subset: int | None = None
    more: bool = False


def _sts_benchmark(file: str) -> _TableFile:
    return _TableFile(f"STS/STSBenchmark/{file}", 7, gold=4, left=5, right=6, header=False, low=0, subset=0, more=True)


def _sick(file: str) -> _TableFile:
    return _TableFile(f"SICK/{file}", 5, gold=3, left=1, right=2, header=True, low=1)


_TABLES = {
    "stsb": _sts_benchmark("sts-test.csv"),
    "stsb-dev": _sts_benchmark("sts-dev.csv"),
    "stsb-train": _sts_benchmark("sts-train.csv"),
    "sickr": _sick("SICK_test_annotated.txt"),
    "sickr-dev": _sick("SICK_trial.txt"),
    "sickr-train": _sick("SICK_train.txt"),
}


class SentEval:
    """A :class:`~ablate.data.items.Source` that reads the folder with SentEval's ``STS``, ``SICK``, ``MR``, …

    Pairs are in SentEval's order, and each run of white space becomes one space, as in SentEval. A pair of STS12-16
    without a gold score (an empty line in the ``gs`` file) is left out. Gold scores are kept as they are: 0 to 5, or 1
    to 5 for SICK.

    Args:
        folder: need not exist; if it does not, there are no data sets.
    """

    name = "senteval"
    label = "senteval"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> tuple[str, ...]:
        """The data sets that have a file here. Only :meth:`load` checks that the files are complete."""
        return tuple(name for name in SETS if self._present(name))

    def groups(self) -> dict[str, tuple[str, ...]]:
        return dict(GROUPS)

    def load(self, name: str) -> ItemSet:
        """Reads a data set; its ``deviation`` says where its size is not that of the published set.

        Raises:
            DataError: unknown name, or a file that is absent or malformed (path and line).
        """
        if name in classes.CLASS_SETS:
            return compared_with_standard(classes.load(self.folder, name, self.label))
        if name in SUBSETS:
            rows = [row for subset in SUBSETS[name] for row in self._subset(name, subset)]
        elif name in _TABLES:
            rows = self._table(_TABLES[name])
        else:
            raise DataError(f"SentEval has no data set '{name}'; {suggest(name, SETS)}")
        return compared_with_standard(ItemSet.from_rows(name, split_of(name), self.label, rows))

    def _year(self, name: str) -> Path:
        return self.folder / "STS" / f"STS{name.removeprefix('sts')}-en-test"

    def _present(self, name: str) -> bool:
        if name in SUBSETS:
            return any(self._year(name).glob("STS.*.txt"))
        if name in classes.CLASS_SETS:
            return any((self.folder / file).is_file() for file in classes.files(name).values())
        return (self.folder / _TABLES[name].path).is_file()

    def _subset(self, name: str, subset: str) -> list[ItemRow]:
        sentences = self._year(name) / f"STS.input.{subset}.txt"
        scores = self._year(name) / f"STS.gs.{subset}.txt"
        # A blank line of the second file is a pair without a gold score, also at its end.
        pairs, golds = read_lines(sentences), read_lines(scores, keep_blank=True)
        if not any(map(str.strip, golds[len(pairs) :])):
            golds = golds[: len(pairs)]
        if len(pairs) != len(golds):
            raise DataError(
                f"{sentences}:{min(len(pairs), len(golds)) + 1}: {len(pairs)} pairs, but {len(golds)} lines "
                f"in {scores.name}; one of the two is cut short, copy both again"
            )
        rows = []
        for number, (line, text) in enumerate(zip(pairs, golds, strict=True), 1):
            both = cells(line, 2, f"{sentences}:{number}")
            if text.strip():
                gold = gold_score(text, 0, f"{scores}:{number}")
                texts = tuple(sentence(cell, f"{sentences}:{number}") for cell in both)
                rows.append((texts, gold, subset))
        if not rows:
            raise DataError(f"{scores}:1: no pair has a gold score; copy the file again")
        return rows

    def _table(self, table: _TableFile) -> list[ItemRow]:
        path = self.folder / table.path
        rows = []
        for number, line in enumerate(read_lines(path), 1):
            place = f"{path}:{number}"
            row = cells(line, table.columns, place, more=table.more)
            if table.header and number == 1:
                # Otherwise the first pair would be skipped as if it were the header.
                if row[table.gold].replace(".", "").isdigit():
                    raise DataError(f"{place}: this should be the header line, and is a pair; copy the file again")
                continue
            gold = gold_score(row[table.gold], table.low, place)
            texts = tuple(sentence(row[column], place) for column in (table.left, table.right))
            rows.append((texts, gold, "" if table.subset is None else row[table.subset]))
        if not rows:
            raise DataError(f"{path}:2: there is only a header; copy the file again")
        return rows
