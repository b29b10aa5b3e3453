"""The base of tasks on a user's own file. A recipe names them: ``tasks: {mine: {kind: sts, file: pairs.csv}}``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from ablate.data.items import ItemSet, Source
from ablate.data.own import OwnFile, read_own
from ablate.data.parts import Part, Split, counts, parts_of, rows_of
from ablate.data.queries import QuerySet
from ablate.errors import DataError
from ablate.statistics.metric import Mean, Statistic
from ablate.tasks.base import Task

PERCENT = Mean(scale=100)
"""The mean of values from 0 to 1, × 100."""


class Columns(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OwnTask(Task):
    """A task on a user's own file. Its class has the name, the split and the metric that a recipe gives it.

    Keys of results have the items themselves, so they do not depend on where the file is, nor on its format.

    has_pairs: whether :meth:`pairs_of` gives pairs with gold, so that the file can calibrate as a standard set does.
    """

    per_item: ClassVar[bool] = True
    has_pairs: ClassVar[bool] = False
    required: ClassVar[tuple[str, ...]] = ("file",)

    kind: str = ""
    file: Path | None = Field(None, exclude=True, description="CSV, TSV, JSONL or Parquet")
    columns: Columns = Field(Columns(), exclude=True)
    # `split` is a class attribute of every task.
    own_split: Split = Field(
        "dev", alias="split", description="test: only reports; dev: may choose; train: only calibrates"
    )
    part: Part | None = Field(None, exclude=True, description="which rows of the file are of the split")
    sha256: str | None = Field(None, exclude=True, description="of the file; another file is refused")

    @classmethod
    def measured_by(cls, given: Mapping[str, Any]) -> str:  # noqa: ARG003
        """The name of the metric with the parameters that a recipe gives, which are not checked yet."""
        return cls.metric

    def read(self) -> OwnFile:
        """Reads the file.

        Raises:
            DataError: the file is absent or malformed, or has another hash than the recipe says.
        """
        if self.file is None:
            raise DataError(f"task '{self.name}' has no file; give tasks: {{{self.name}: {{file: PAIRS.csv}}}}")
        return self.unchanged(self.opened(self.file), self.sha256, "sha256")

    def opened(self, path: Path) -> OwnFile:
        """Reads any file as this task reads its own."""
        return read_own(path, self.kind, self.columns.model_dump(exclude_none=True))

    def unchanged(self, found: OwnFile, sha256: str | None, parameter: str) -> OwnFile:
        """The file, if its hash begins with ``sha256``, or that is None.

        Raises:
            DataError: it does not.
        """
        if sha256 is not None and not (sha256 and found.sha256.startswith(sha256.lower())):
            raise DataError(
                f"{found.path}: has changed: its sha256 is {found.sha256[:12]}…, and task '{self.name}' is on "
                f"{sha256[:12]}…; restore the file, or leave out {parameter}"
            )
        return found

    def others(self) -> tuple[OwnFile, ...]:
        """Further files that the task looks at, such as those that a classifier is fitted on."""
        return ()

    def load(self, source: Source) -> ItemSet:  # noqa: ARG002
        return self.items()

    def items(self) -> ItemSet:
        """The items of the file that are the task's."""
        return self.of_split(self.split).as_set(self.name, self.split)

    def of_split(self, split: str) -> OwnFile:
        """The file with only those of its rows that are of a split; all of them without a part.

        Raises: as :meth:`rows` does.
        """
        file = self.read()
        return file if self.part is None else replace(file, items=file.items.only(self.rows(split)))

    def rows(self, split: str | None = None) -> NDArray[np.bool_]:
        """Which rows of the file, or which queries, are of a split, by default the task's; bool [rows].

        Raises:
            DataError: queries are to be divided by a column, though one may have several rows; see also
                :func:`~ablate.data.parts.rows_of`.
        """
        file = self.read()
        if self.part is not None and self.part.column is not None and isinstance(file.items, QuerySet):
            raise DataError(
                f"{file.path}: queries are not divided by a column, since one may have several rows; use "
                "part: {shares: …}, or give each split a file"
            )
        return rows_of(file, self.part, split or self.split)

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

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        return self.statistic().value(values[kept], data.gold[kept])

    @abstractmethod
    def statistic(self) -> Statistic: ...

    def __reduce__(self) -> tuple[Any, ...]:
        # The class is made for one recipe, so that another process makes it anew.
        given = {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}
        return _remade, (type(self).__bases__[0], self.name, given)


def named(base: type[OwnTask], name: str, given: Mapping[str, Any]) -> type[OwnTask]:
    """The class of a kind with the name, the split and the metric that a recipe gives it."""
    return _made(base, name, str(given.get("split", "dev")), base.measured_by(given))


@cache
def _made(base: type[OwnTask], name: str, split: str, metric: str) -> type[OwnTask]:
    members = {"name": name, "split": split, "metric": metric, "__module__": __name__, "__doc__": base.__doc__}
    return cast("type[OwnTask]", type(base.__name__, (base,), members))


def _remade(base: type[OwnTask], name: str, given: dict[str, Any]) -> OwnTask:
    return named(base, name, given)(**given)
