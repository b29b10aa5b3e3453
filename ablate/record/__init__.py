"""The typed record of a run: its rows, the evidence on its cells, and its circumstances. Read and written as JSON."""

from ablate.record.about import (
    ContributionMap,
    Manifest,
    ModelHashes,
    NearDuplicates,
    OracleAgreement,
    Racing,
    RemovedByLayer,
    RunAbout,
    TrainingData,
)
from ablate.record.computed import devices_note, precision_note
from ablate.record.evidence import JUDGMENT, OF_EVIDENCE, Evidence
from ablate.record.over_models import Held, ModelLine, OverModels, PooledGain, PooledLine, Signs
from ablate.record.plain import from_plain, to_plain
from ablate.record.row import FIELDS, STATUSES, Row, columns
from ablate.record.run import RunRecord
from ablate.record.sample import FamilyEffect, OverComponents, OverSets, Samples

__all__ = [
    "FIELDS",
    "JUDGMENT",
    "OF_EVIDENCE",
    "STATUSES",
    "ContributionMap",
    "Evidence",
    "FamilyEffect",
    "Held",
    "Manifest",
    "ModelHashes",
    "ModelLine",
    "NearDuplicates",
    "OracleAgreement",
    "OverComponents",
    "OverModels",
    "OverSets",
    "PooledGain",
    "PooledLine",
    "Racing",
    "RemovedByLayer",
    "Row",
    "RunAbout",
    "RunRecord",
    "Samples",
    "Signs",
    "TrainingData",
    "columns",
    "devices_note",
    "from_plain",
    "precision_note",
    "to_plain",
]
