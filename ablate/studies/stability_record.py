"""The record of ``ablate stability``. docs/stability.md lists its keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from ablate.recipe.values import Scope, Sparsity
from ablate.statistics.ranking_agreement import Spread
from ablate.studies.records import StudyRecord


@dataclass(frozen=True)
class Overlap:
    """Jaccard index of the units that a cell removes under two calibration sets, in [0, 1].

    value: over pairs of calibration sets; None where no pair removes anything.
    """

    sparsity: Sparsity
    scope: Scope
    value: Spread | None


def mean_overlap(jaccard: Iterable[Overlap]) -> float | None:
    """The mean over the cells that remove anything, in [0, 1]; None where none does."""
    means = [overlap.value.mean for overlap in jaccard if overlap.value is not None]
    return fmean(means) if means else None


@dataclass(frozen=True)
class Comparison:
    """How far pairs of calibration sets agree.

    kendall, spearman: rank correlations of contributions, in [-1, 1]; None where contributions rank nothing.
    jaccard: one for each cell.
    """

    kendall: Spread | None
    spearman: Spread | None
    jaccard: tuple[Overlap, ...]


@dataclass(frozen=True)
class SeedAgreement:
    """All pairs of calibration seeds (``values``), at the recipe's size; the last three fields as in Comparison.

    pairs, sentences: of the recipe's own calibration set.
    """

    values: tuple[int, ...]
    pairs: int
    sentences: int
    batch_size: int
    kendall: Spread | None
    spearman: Spread | None
    jaccard: tuple[Overlap, ...]


@dataclass(frozen=True)
class SizeAgreement:
    """Calibration sets of one size.

    size: how many pairs, and as many sentences, were asked for. pairs, sentences: how many there were.
    shared: the share of the pairs that the largest set of another seed has too, in [0, 1]: a mean.
    largest: with the largest sets of all other seeds. seeds: all pairs of seeds, at this size.
    """

    size: int
    pairs: int
    sentences: int
    shared: float
    largest: Comparison
    seeds: Comparison


@dataclass(frozen=True)
class BatchSizeAgreement:
    """One batch size with the recipe's, at the recipe's seed; the last three fields as in Comparison."""

    batch_size: int
    kendall: Spread | None
    spearman: Spread | None
    jaccard: tuple[Overlap, ...]


@dataclass(frozen=True)
class CellScores:
    """The gain of one cell over dense, a mean over the screen ``tasks`` that choose, under several calibration sets.

    unit: of the tasks, joined by commas where they differ. Gains are in that unit, above 0 where the cell is better.
    gains: one for each calibration seed; None without a score.
    mean, sd, low, high: over the gains, None unless all are there; sd is the sample's, and needs two gains.
    reason: why the first absent score is absent; None where all are there.
    """

    sparsity: Sparsity
    scope: Scope
    tasks: tuple[str, ...]
    unit: str
    gains: tuple[float | None, ...]
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    reason: str | None


@dataclass(frozen=True)
class StabilityEntry:
    """The stability of one scorer's contributions at one granularity of a model.

    seed: the cell's, of a seeded scorer; else None.
    units: of the granularity. sampled: how many of them were compared.
    sizes: rising.
    enough: the smallest size from which on contributions and removed units stay the same; None where none is.
    batch_sizes: rising.
    scores: one for each cell; empty where they were not asked for.
    """

    model: str
    scorer: str
    granularity: str
    seed: int | None
    units: int
    sampled: int
    seeds: SeedAgreement
    sizes: tuple[SizeAgreement, ...]
    enough: int | None
    batch_sizes: tuple[BatchSizeAgreement, ...]
    scores: tuple[CellScores, ...]


@dataclass(frozen=True)
class StabilityRecord(StudyRecord):
    """The record of one run of ``ablate stability``.

    notes: what was left out, and why.
    stability: one entry for each model × scorer × granularity.
    run: its id.
    timings: stage -> seconds.
    """

    study = "stability"
    notes: tuple[str, ...]
    stability: tuple[StabilityEntry, ...]
    run: str
    timings: dict[str, float]
