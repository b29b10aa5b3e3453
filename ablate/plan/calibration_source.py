"""A source of data that also has a recipe's own files, as calibration draws from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ablate.data.items import ItemSet, Source
from ablate.tasks.own import OwnTask


@dataclass(frozen=True)
class CalibrationSource:
    """The source of a run. Under the names of tasks on own files it has the pairs that these give.

    own: task -> the task on a train or dev file.
    """

    source: Source
    own: Mapping[str, OwnTask]

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def label(self) -> str:
        return self.source.label

    def groups(self) -> dict[str, tuple[str, ...]]:
        return self.source.groups()

    def names(self) -> tuple[str, ...]:
        return (*self.source.names(), *self.own)

    def load(self, name: str) -> ItemSet:
        """Reads a data set, or the pairs of an own file.

        Raises:
            DataError: it is absent or malformed.
        """
        task = self.own.get(name)
        return self.source.load(name) if task is None else task.pairs_of(task.load(self.source))
