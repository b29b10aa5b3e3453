"""The typed record of a run: its rows, the evidence on its cells, and its circumstances. Read and written as JSON."""

from ablate.record.about import ContributionMap, Manifest, ModelHashes, OracleAgreement, RunAbout, TrainingData
from ablate.record.computed import devices_note, precision_note
from ablate.record.evidence import JUDGMENT, Evidence
from ablate.record.plain import from_plain, to_plain
from ablate.record.row import FIELDS, STATUSES, Row
from ablate.record.run import RunRecord

__all__ = [
    "FIELDS",
    "JUDGMENT",
    "STATUSES",
    "ContributionMap",
    "Evidence",
    "Manifest",
    "ModelHashes",
    "OracleAgreement",
    "Row",
    "RunAbout",
    "RunRecord",
    "TrainingData",
    "devices_note",
    "from_plain",
    "precision_note",
    "to_plain",
]
