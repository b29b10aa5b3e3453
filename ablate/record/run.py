"""The record of a run: one row for each cell and task, dense included, and the run's circumstances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ablate.record.about import RunAbout
from ablate.record.evidence import Evidence, judged_alike
from ablate.record.row import Row


@dataclass(frozen=True, repr=False)
class RunRecord:
    """The rows of a run, and its circumstances.

    rows: one for each cell and task, dense included (``scorer`` None, ``cell`` ``dense``), stage by stage.
    """

    rows: list[Row]
    about: RunAbout

    @classmethod
    def from_plain(cls, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> Self:
        """The record from a store; see :meth:`Row.from_dict` and :meth:`RunAbout.from_dict`.

        Evidence found by other rules than today's is left out, and ``about.withheld`` says so.

        Raises:
            ValueError: a row or ``about`` does not have the documented form.
        """
        rows, about = judged_alike(rows, about)
        return cls([Row.from_dict(row) for row in rows], RunAbout.from_dict(about))

    @property
    def failed(self) -> list[Row]:
        """The rows whose computation failed; ``reason`` says why."""
        return [row for row in self.rows if row.status == "failed"]

    @property
    def any_failed(self) -> bool:
        """Whether a row or a model failed."""
        return bool(self.failed or self.about.failed_models)

    @property
    def undefined(self) -> list[Row]:
        """The rows whose score has no value on their data; ``reason`` says why."""
        return [row for row in self.rows if row.status == "undefined"]

    @property
    def evidence(self) -> list[Evidence]:
        """One item for each cell, task and comparison; none where the cells were not judged."""
        return list(self.about.evidence or ())
