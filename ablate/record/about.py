"""The circumstances of a run: what was asked for, on which models and data, and the totals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ablate.record.evidence import Evidence
from ablate.record.over_models import OverModels
from ablate.record.plain import from_plain, to_plain


@dataclass(frozen=True)
class TrainingData:
    """What cells are trained on.

    examples: how many there are. kind: ``pairs`` or ``sentences``. source: their name in messages. hash: the hash of
    their texts. steps: optimizer steps of a training.
    """

    examples: int
    kind: str
    source: str
    hash: str
    steps: int


@dataclass(frozen=True)
class ModelHashes:
    """Hashes. model: of a model's weights, configuration and tokenizer. calibration: of its calibration set."""

    model: str
    calibration: str


@dataclass(frozen=True)
class Racing:
    """What racing has spared of a model's screen.

    cells: of the plan. whole: how many of them were evaluated on all items. encoded: how many sentences the cells were
    evaluated on, with dense and controls, whether results came from the store or not. without: how many that would be
    without racing.
    """

    cells: int
    whole: int
    encoded: int
    without: int


@dataclass(frozen=True)
class NearDuplicates:
    """How many items of tasks are near-duplicates of what calibrated, trained or chose.

    action: ``drop`` (Δ leaves them out) or ``report``. similarity: from which Jaccard index on texts are near.
    items: task -> how many, without those that are equal to a seen one; of several models the most.
    """

    action: str
    similarity: float
    items: dict[str, int]

    @property
    def lines(self) -> tuple[str, ...]:
        """What is said of each task that has some."""
        return self.lines_of(self.items)

    def lines_of(self, tasks: Collection[str]) -> tuple[str, ...]:
        """What is said of those of these tasks that have some."""
        what = f"near-duplicates (similarity {self.similarity:g} or more) of what calibrated or chose"
        then = "Δ leaves them out" if self.action == "drop" else "Δ counts them; near_duplicates: drop leaves them out"
        return tuple(
            f"{task}: {count:,} {'item is' if count == 1 else 'items are'} {what}; {then}"
            for task, count in self.items.items()
            if count and task in tasks
        )


@dataclass(frozen=True)
class ContributionMap:
    """The contribution of every unit of the dense model, by one scorer.

    scorer: the scorer's label. oracle: whether the contributions are exact. layers, contributions: one number for each
    unit; layers are numbered from 0, and a contribution is above 0 if the unit is needed.
    """

    model: str
    granularity: str
    scorer: str
    oracle: bool
    layers: tuple[int, ...]
    contributions: tuple[float, ...]


@dataclass(frozen=True)
class OracleAgreement:
    """How well a scorer's ranking of units agrees with exact removal.

    oracle, scorer: labels. spearman: the rank correlation, in [-1, 1]; None if one of the two ranks nothing. units: how
    many units, or groups of units, were ranked.
    """

    model: str
    granularity: str
    oracle: str
    scorer: str
    spearman: float | None
    units: int


@dataclass(frozen=True)
class RemovedByLayer:
    """How many units of each layer a confirmed cell removes, from the input on.

    key: of the cell, as its rows have it. removed, units: one number for each layer: those removed, and all.
    """

    model: str
    key: str
    granularity: str
    removed: tuple[int, ...]
    units: tuple[int, ...]


# Keyword-only, because fields with defaults come before fields without.
@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a run was asked to do, and with which versions. It is known before anything is computed.

    models: the name of each model in rows. data, data_why: the source's label, and why it was chosen.
    screen, confirm: names of tasks. choosing: the screen tasks that choose cells.
    tasks: task -> the parameters that the recipe gives it.
    overlap: ``drop`` (pairs that calibration or choice has seen do not count) or ``keep``.
    training: None if no cell is trained. exploratory: whether a test set is among the screen tasks.
    command: the command line; None in a notebook. recipe: the checked recipe, with every default. versions: name ->
    version.

    The record of an older ablate may lack the fields that have a default here.
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
        """Whether the scores on clean pairs decide."""
        return self.overlap == "drop"

    @property
    def chosen_on(self) -> tuple[str, ...]:
        """The tasks that choose cells; all screen tasks if the record does not say."""
        return self.screen if self.choosing is None else self.choosing

    def to_dict(self) -> dict[str, Any]:
        """The manifest as plain JSON values. What is not known yet is left out."""
        unknown = {field.name for field in fields(self) if field.default is None and getattr(self, field.name) is None}
        return {name: value for name, value in to_plain(self).items() if name not in unknown}


@dataclass(frozen=True, kw_only=True)
class RunAbout(Manifest):
    """The circumstances of a run, and its totals.

    store: its name. run: the run's id there.
    hashes: model -> hashes.
    remarks: model -> what a reader should know of how it was loaded, one line each.
    devices: model -> the device on which this run computed, such as ``cpu`` or ``cuda:0 (NVIDIA H100)``. Each row has
        the device of its result, which an earlier run may have computed on another one.
    precision_effects: model -> task -> the dense model's score in the recipe's precision less that in float32, on all
        pairs; None if the precision is float32.
    racing: model -> what racing has spared; None of a run that was not raced.
    cannot_choose: model -> screen task -> why it did not choose; None if all that should have chosen did.
    near_duplicates: those of the tasks; None where they were not looked for.
    dims: model -> how many components its embeddings have; None of a run without ``truncate_dims``.
    earlier_roles: on items of own files that choose in this run and reported in an earlier one, or the reverse, in one
        line each; None if there are none.
    other_verdicts: on cells that an earlier run of the store has judged otherwise by the same scores, in one line each;
        None if there are none.
    maps, agreement: of the dense model's contributions, by every scorer of the run.
    removed: where in each model the units of the confirmed cells are; None of a run of one model.
    failed_models: model -> why it has no rows, or not those of every stage; None if none failed.
    over_models: what is found of all models together; None of a run of one model, or if the cells were not judged.
    panels: stage -> task -> the key of the task's panel in the store.
    deviations: task -> how its data differ from the published set of that name, where they do.
    timings: what was done -> seconds. cached, computed, failed: cells of all stages that came whole from the store,
        that were evaluated, and that failed.
    draws_made, draws_asked: of all cells whose matched draws may stop early; None without such cells.
    evidence: on every cell. judgment: by which rules it was found (:data:`ablate.record.evidence.JUDGMENT`).
        statistics: the recipe's section of that name with every default, and ``withheld``: why tasks have no evidence,
        one line each.

    Of a run that was interrupted, hashes, maps, agreement, removed, evidence, judgment, statistics and
    over_models may be None.
    """

    store: str
    run: str
    hashes: dict[str, ModelHashes] | None = None
    remarks: dict[str, tuple[str, ...]] | None = None
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
    deviations: dict[str, str] | None = None
    devices: dict[str, str] | None = None
    precision_effects: dict[str, dict[str, float]] | None = None
    draws_made: int | None = None
    draws_asked: int | None = None
    racing: dict[str, Racing] | None = None
    dims: dict[str, int] | None = None
    near_duplicates: NearDuplicates | None = None
    cannot_choose: dict[str, dict[str, str]] | None = None
    earlier_roles: tuple[str, ...] | None = None
    removed: tuple[RemovedByLayer, ...] | None = None
    failed_models: dict[str, str] | None = None
    over_models: OverModels | None = None
    other_verdicts: tuple[str, ...] | None = None

    @classmethod
    def begun(cls, manifest: Manifest, store: str, run: str) -> RunAbout:
        """The record of a run that has just begun."""
        asked = {field.name: getattr(manifest, field.name) for field in fields(Manifest)}
        return cls(**asked, store=store, run=run, panels={}, timings={}, cached=0, computed=0, failed=0)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RunAbout:
        """The record from a store. Unknown keys are ignored.

        Raises:
            ValueError: something that every run has is absent, or a value has the wrong type.
        """
        return from_plain(cls, plain)

    @property
    def precision(self) -> str:
        """In which the cells were evaluated."""
        return str((self.recipe or {}).get("precision", "float32"))

    @property
    def withheld(self) -> tuple[str, ...]:
        """Why tasks have no evidence, in one line each."""
        return tuple((self.statistics or {}).get("withheld", ()))

    @property
    def draws_said(self) -> str:
        """``45 of 120 made, 75 saved by stopping early``; empty if they could not stop."""
        if self.draws_made is None or self.draws_asked is None:
            return ""
        saved = self.draws_asked - self.draws_made
        return f"{self.draws_made} of {self.draws_asked} made, {saved} saved by stopping early"

    @property
    def counts(self) -> str:
        """``12 cached, 190 computed, 0 failed``."""
        return f"{self.cached} cached, {self.computed} computed, {self.failed} failed"
