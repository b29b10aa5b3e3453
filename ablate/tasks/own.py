"""Tasks on a user's own file. A recipe names them: ``tasks: {mine: {kind: sts, file: pairs.csv}}``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn.functional import normalize

from ablate.data.items import ItemSet, Source
from ablate.data.own import OwnFile, read_own
from ablate.data.parts import Part, Split, counts, parts_of, rows_of
from ablate.errors import DataError
from ablate.statistics.average_precision import AVERAGE_PRECISION
from ablate.statistics.metric import SPEARMAN, Mean, Statistic
from ablate.statistics.pearson import PEARSON
from ablate.tasks.base import Task
from ablate.tasks.sts import cosines

ACCURACY = Mean(scale=100)


class _Columns(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StsColumns(_Columns):
    """Which column is what; those without a name are guessed."""

    first: str | None = None
    second: str | None = None
    score: str | None = None


class PairsColumns(_Columns):
    """Which column is what; those without a name are guessed."""

    first: str | None = None
    second: str | None = None
    label: str | None = None


class TripletsColumns(_Columns):
    """Which column is what; those without a name are guessed."""

    anchor: str | None = None
    positive: str | None = None
    negative: str | None = None


class OwnTask(Task):
    """A task on a user's own file. Its class has the name, the split and the metric that a recipe gives it.

    Keys of results have the items themselves, so they do not depend on where the file is, nor on its format.
    """

    per_item: ClassVar[bool] = True
    required: ClassVar[tuple[str, ...]] = ("file",)

    kind: str = ""
    file: Path | None = Field(None, exclude=True, description="CSV, TSV, JSONL or Parquet")
    columns: _Columns = Field(_Columns(), exclude=True)
    # `split` is a class attribute of every task.
    own_split: Split = Field(
        "dev", alias="split", description="test: only reports; dev: may choose; train: only calibrates"
    )
    part: Part | None = Field(None, exclude=True, description="which rows of the file are of the split")
    sha256: str | None = Field(None, exclude=True, description="of the file; another file is refused")

    def read(self) -> OwnFile:
        """Reads the file.

        Raises:
            DataError: the file is absent or malformed, or has another hash than the recipe says.
        """
        if self.file is None:
            raise DataError(f"task '{self.name}' has no file; give tasks: {{{self.name}: {{file: PAIRS.csv}}}}")
        found = read_own(self.file, self.kind, self.columns.model_dump(exclude_none=True))
        if self.sha256 is not None and not (self.sha256 and found.sha256.startswith(self.sha256.lower())):
            raise DataError(
                f"{self.file}: has changed: its sha256 is {found.sha256[:12]}…, and task '{self.name}' is on "
                f"{self.sha256[:12]}…; restore the file, or leave out sha256"
            )
        return found

    def load(self, source: Source) -> ItemSet:  # noqa: ARG002
        return self.items()

    def items(self) -> ItemSet:
        """The items of the file that are the task's."""
        whole = self.read().as_set(self.name, self.split)
        return whole if self.part is None else whole.only(self.rows())

    def rows(self) -> NDArray[np.bool_]:
        """Which rows of the file are the task's, bool [rows]."""
        return rows_of(self.read(), self.part, self.split)

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """What calibration draws from: pairs with gold from 0 to 5, of which those above 4 are positives.

        A kind that has no pairs gives its items as they are. Only their sentences are drawn then.

        Args:
            items: of this task.
        """
        return items

    def scale(self) -> str:
        """How the gold of the file becomes that of :meth:`pairs_of`, as the dry run says it."""
        return "its sentences, since it has no pairs"

    def resolved(self) -> dict[str, Any]:
        """The parameters with the columns that were found and the hash of the file, as records of runs have them.

        With a part, also how many rows each part has.
        """
        found = self.read()
        given = self.model_dump(mode="json", by_alias=True)
        part: dict[str, Any] = {}
        if self.part is not None:
            sizes = counts(parts_of(found, self.part)).model_dump()
            part = {"part": {**self.part.model_dump(exclude_none=True), "rows": sizes}}
        return {**given, "file": str(self.file), "columns": dict(found.columns), "sha256": found.sha256, **part}

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        """The cosine of each pair. Items of another kind are measured otherwise."""
        return cosines(data, embeddings)

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    @abstractmethod
    def statistic(self) -> Statistic: ...

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made for one recipe, so that another process makes it anew.
        given = {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
        return _remade, (self.name, given)


class OwnSts(OwnTask):
    """Spearman's or Pearson's correlation of cosine and score, × 100. The scores are on any scale."""

    help: ClassVar[str] = "your own pairs with scores"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (-100, 100)

    kind: Literal["sts"] = "sts"
    columns: StsColumns = Field(StsColumns(), exclude=True)
    own_metric: Literal["spearman", "pearson"] = Field("spearman", alias="metric", description="which correlation")

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """The pairs, with the range of the whole file's scores put on 0 to 5 linearly."""
        low, high = self._ends()
        # Rounded, so that a score at four fifths of the range is not above 4 by an error of the last digit.
        return replace(items, gold=np.round((items.gold - low) * 5 / (high - low), 9))

    def scale(self) -> str:
        low, high = self._ends()
        return f"scores {low:g} to {high:g} count as 0 to 5, and positives have more than {low + 0.8 * (high - low):g}"

    def _ends(self) -> tuple[float, float]:
        gold = self.read().items.gold
        return float(gold.min()), float(gold.max())

    def statistic(self) -> Statistic:
        return PEARSON if self.own_metric == "pearson" else SPEARMAN


class OwnPairs(OwnTask):
    """Average precision, × 100: do pairs with label 1 have higher cosines than those with label 0?

    It is MTEB's ``cosine_ap`` of pair classification, and needs no threshold.
    """

    help: ClassVar[str] = "your own pairs with labels 0 and 1"
    metric: ClassVar[str] = "average precision"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0, 100)

    kind: Literal["pairs"] = "pairs"
    columns: PairsColumns = Field(PairsColumns(), exclude=True)

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """The pairs; label 1 becomes 5."""
        return replace(items, gold=5 * items.gold)

    def scale(self) -> str:
        return "label 1 counts as 5, and positives have label 1"

    def statistic(self) -> Statistic:
        return AVERAGE_PRECISION


class OwnTriplets(OwnTask):
    """Accuracy, × 100: how often the anchor is nearer to its positive than to its negative, by cosine."""

    help: ClassVar[str] = "your own triplets"
    metric: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "points"
    range: ClassVar[tuple[float, float]] = (0, 100)

    kind: Literal["triplets"] = "triplets"
    columns: TripletsColumns = Field(TripletsColumns(), exclude=True)

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        unit = normalize(embeddings, dim=1)
        anchor, positive, negative = (unit[rows] for rows in data.rows(3))
        nearer: NDArray[np.bool_] = ((anchor * positive).sum(1) > (anchor * negative).sum(1)).numpy()
        return nearer.astype(np.float32)

    def pairs_of(self, items: ItemSet) -> ItemSet:
        """Two pairs of each triplet: the anchor with the positive has 5, and with the negative 0."""
        rows = [
            ((anchor, other), gold, subset)
            for (anchor, positive, negative), subset in zip(items.texts, items.subsets, strict=True)
            for other, gold in ((positive, 5.0), (negative, 0.0))
        ]
        return ItemSet.from_rows(items.name, items.split, items.source, rows)

    def scale(self) -> str:
        return "an anchor and its positive count as 5, an anchor and its negative as 0"

    def statistic(self) -> Statistic:
        return ACCURACY


KINDS: Mapping[str, type[OwnTask]] = {"sts": OwnSts, "pairs": OwnPairs, "triplets": OwnTriplets}
"""The kinds of own files, as a recipe names them."""


def own_task(name: str, given: Mapping[str, Any]) -> type[OwnTask]:
    """The class of a task on an own file. The parameters are checked when an object of it is made.

    Args:
        given: the parameters that a recipe gives it; ``kind`` is one of :data:`KINDS`.
    """
    split = given.get("split", "dev")
    metric = given.get("metric", "spearman") if given["kind"] == "sts" else KINDS[given["kind"]].metric
    return _made(name, given["kind"], str(split), str(metric))


@cache
def _made(name: str, kind: str, split: str, metric: str) -> type[OwnTask]:
    base = KINDS[kind]
    members = {"name": name, "split": split, "metric": metric, "__module__": __name__, "__doc__": base.__doc__}
    return cast("type[OwnTask]", type(base.__name__, (base,), members))


def _remade(name: str, given: dict[str, Any]) -> OwnTask:
    return own_task(name, given)(**given)
