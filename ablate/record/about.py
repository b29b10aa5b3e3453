"""The circumstances of a run: what was asked for, on which models and data, and the totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ablate.record.evidence import Evidence
from ablate.record.plain import from_plain, to_plain


@dataclass(frozen=True)
class TrainingData:
    """What cells are trained on.

    examples: how many; kind: ``pairs`` or ``sentences``. source: what messages call them; hash: of their texts.
    steps: of a training, each one batch or, with ``accumulate``, several.
    """

    examples: int
    kind: str
    source: str
    hash: str
    steps: int


@dataclass(frozen=True)
class ModelHashes:
    """model: the hash of a model's weights, configuration and tokenizer. calibration: that of its calibration set."""

    model: str
    calibration: str


@dataclass(frozen=True)
class ContributionMap:
    """The contribution of every unit of the dense model, by one scorer.

    scorer: its label. oracle: whether it is exact. layers, contributions: one number for each unit; layers count from
    0, a contribution is above 0 where the unit is needed.
    """

    model: str
    granularity: str
    scorer: str
    oracle: bool
    layers: tuple[int, ...]
    contributions: tuple[float, ...]


@dataclass(frozen=True)
class OracleAgreement:
    """How far a scorer ranks units as their exact removal does.

    oracle, scorer: labels. spearman: rank correlation in [-1, 1]; None where one of the two ranks nothing. units: how
    many units, or groups of units, were ranked.
    """

    model: str
    granularity: str
    oracle: str
    scorer: str
    spearman: float | None
    units: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What was asked for, of what, with which versions: known before anything is computed.

    models: what rows call each model. data, data_why: the source's label, and why it was taken.
    screen, confirm: names of tasks. choosing: those of the screen tasks that choose cells.
    tasks: task -> the parameters that the recipe gives it.
    overlap: ``drop`` (pairs that calibration or choice has seen do not count) or ``keep``.
    training: None where no cell is trained. exploratory: whether a test set is among the screen tasks.
    command: what was typed; None in a notebook. recipe: as checked, with every default. versions: name -> version.

    A record of an older ablate may lack what has a default here.
    """

    models: tuple[str, ...]
    data: str
    data_why: str | None = None
    screen: tuple[str, ...]
    choosing: tuple[str, ...] | None = None
    confirm: tuple[str, ...]
    tasks: dict[str, dict[str, Any]] | None = None
    overlap: str
    training: TrainingData | None
    exploratory: bool
    command: str | None
    recipe: dict[str, Any] | None = None
    versions: dict[str, str] | None = None

    @property
    def clean(self) -> bool:
        """Whether what decides are the scores on clean pairs."""
        return self.overlap == "drop"

    @property
    def chosen_on(self) -> tuple[str, ...]:
        """The tasks that choose cells; all screen tasks where the record does not say."""
        return self.screen if self.choosing is None else self.choosing

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; what is not known yet is left out."""
        unknown = {field.name for field in fields(self) if field.default is None and getattr(self, field.name) is None}
        return {name: value for name, value in to_plain(self).items() if name not in unknown}


@dataclass(frozen=True, kw_only=True)
class RunAbout(Manifest):
    """The circumstances of a run, and its totals.

    store: its name. run: the run's id there.
    hashes: model -> hashes. maps, agreement: of the dense model's contributions, by every scorer of the run.
    panels: stage -> task -> the key of the task's panel in the store.
    timings: what was done -> seconds. cached, computed, failed: cells of all stages that came whole from the store,
        that were evaluated, and that failed.
    evidence: on every cell. judgment: by which rules it was found (:data:`ablate.record.evidence.JUDGMENT`).
        statistics: the recipe's section of that name with every default, and ``withheld``: why tasks have no evidence,
        one line each.

    Of a run that was interrupted, hashes, maps, agreement, evidence, judgment and statistics may be None.
    """

    store: str
    run: str
    hashes: dict[str, ModelHashes] | None = None
    maps: tuple[ContributionMap, ...] | None = None
    agreement: tuple[OracleAgreement, ...] | None = None
    panels: dict[str, dict[str, str]]
    timings: dict[str, float]
    cached: int
    computed: int
    failed: int
    evidence: tuple[Evidence, ...] | None = None
    judgment: int | None = None
    statistics: dict[str, Any] | None = None

    @classmethod
    def begun(cls, manifest: Manifest, store: str, run: str) -> RunAbout:
        """A run of which nothing is done yet."""
        asked = {field.name: getattr(manifest, field.name) for field in fields(Manifest)}
        return cls(**asked, store=store, run=run, panels={}, timings={}, cached=0, computed=0, failed=0)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RunAbout:
        """What a store has of a run; keys that are no field are ignored.

        Raises:
            ValueError: something that every run has is absent, or a value is of another type.
        """
        return from_plain(cls, plain)

    @property
    def withheld(self) -> tuple[str, ...]:
        """Why tasks have no evidence, one line each."""
        return tuple((self.statistics or {}).get("withheld", ()))

    @property
    def counts(self) -> str:
        """``12 cached, 190 computed, 0 failed``."""
        return f"{self.cached} cached, {self.computed} computed, {self.failed} failed"
