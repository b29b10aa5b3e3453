"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ablate.record import RunRecord
from ablate.report.html.provenance import Origin
from ablate.report.table import Page
from ablate.studies.prevalence_record import PrevalenceRecord
from ablate.studies.stability_record import StabilityRecord


@dataclass(frozen=True)
class Material:
    """The content of a report: a run, and the records of studies with the pages that their commands printed.

    companions: runs of the same recipe with other calibration seeds.
    unreadable: name of a study -> why its record is not shown, such as one of an older version.
    """

    results: RunRecord
    origin: Origin = field(default_factory=Origin)
    prevalence: tuple[PrevalenceRecord, Page] | None = None
    stability: tuple[StabilityRecord, Page] | None = None
    companions: tuple[RunRecord, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
