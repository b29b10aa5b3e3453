"""The record of ``ablate stability``. docs/stability.md lists its keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from ablate.statistics.ranking_agreement import Spread
from ablate.studies.records import StudyRecord


@dataclass(frozen=True)
class Overlap:
    """How well pairs of calibration sets agree on the units that one cell removes.

    sparsity: in [0, 1), or ``negative``.
    scope: ``global`` or ``layer``.
    value: Jaccard index of the removed units, in [0, 1]; None if no pair removes anything.
    """

    sparsity: float | str
    scope: str
    value: Spread | None


def mean_overlap(jaccard: Iterable[Overlap]) -> float | None:
    """The mean over the cells that remove anything, in [0, 1]; None if no cell does."""
    means = [overlap.value.mean for overlap in jaccard if overlap.value is not None]
    return fmean(means) if means else None


@dataclass(frozen=True)
class Agreement:
    """How well pairs of calibration sets agree.

    kendall, spearman: rank correlations of contributions, in [-1, 1]; None if all contributions are equal.
    jaccard: one for each cell of the scorer and granularity.
    """

    kendall: Spread | None
    spearman: Spread | None
    jaccard: tuple[Overlap, ...]


@dataclass(frozen=True)
class SeedAgreement:
    """How well all pairs of calibration seeds agree, at the recipe's size and batch size.

    values: the seeds.
    pairs, sentences, batch_size: of the recipe's own calibration set.
    kendall, spearman, jaccard: see :class:`Agreement`.
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
    """How well calibration sets of one size agree with the largest ones, and with one another.

    size: how many pairs, and as many sentences, were asked for.
    pairs, sentences: how many there were.
    shared: the share of a set's pairs that the largest set of another seed has too, in [0, 1]; a mean over seeds.
    largest: each set compared with the largest sets of all other seeds.
    seeds: all pairs of seeds at this size compared.
    """

    size: int
    pairs: int
    sentences: int
    shared: float
    largest: Agreement
    seeds: Agreement


@dataclass(frozen=True)
class BatchSizeAgreement:
    """How well the recipe's calibration set agrees with the same set in batches of another size.

    kendall, spearman, jaccard: see :class:`Agreement`; of one pair of sets.
    """

    batch_size: int
    kendall: Spread | None
    spearman: Spread | None
    jaccard: tuple[Overlap, ...]


@dataclass(frozen=True)
class CellScores:
    """The gains of one cell over dense with several calibration sets, each a mean over ``tasks``.

    sparsity: in [0, 1), or ``negative``.
    scope: ``global`` or ``layer``.
    tasks: the screen tasks that choose.
    unit: of the tasks, joined by commas if they differ. Gains are in that unit, above 0 if the cell is better.
    gains: one for each calibration seed; None without a score.
    mean, sd, low, high: over the gains; None if a gain is missing. sd is the sample's, and needs two gains.
    reason: why the first missing score is missing; None if no score is.
    """

    sparsity: float | str
    scope: str
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

    seed: of the cell, if the scorer is seeded; else None.
    units: how many units the granularity has.
    sampled: how many of them were compared.
    sizes: ascending.
    enough: the smallest size from which on contributions and removed units stay the same; None if not even the largest
        size is enough.
    batch_sizes: ascending.
    scores: one for each cell; empty if they were not asked for.
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
    stability: one entry for each model, scorer and granularity.
    run: the id of the run.
    timings: stage -> seconds.
    """

    study = "stability"
    notes: tuple[str, ...]
    stability: tuple[StabilityEntry, ...]
    run: str
    timings: dict[str, float]
