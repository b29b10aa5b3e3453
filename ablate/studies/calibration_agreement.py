"""How well several calibration sets agree on the contributions of a scorer and on the units that are removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from statistics import fmean

from ablate.plan.plan import Cell
from ablate.statistics.ranking_agreement import enough, jaccard, rank_correlations, spread
from ablate.studies.probe import Probe
from ablate.studies.stability_record import (
    Agreement,
    BatchSizeAgreement,
    Overlap,
    SeedAgreement,
    SizeAgreement,
    mean_overlap,
)
from ablate.studies.variants import Variants, identity, shared


def seed_agreement(probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants) -> SeedAgreement:
    """The agreement of all pairs of calibration seeds, at the recipe's size.

    Args:
        probes: of one scorer and granularity, by the identity of the calibration set (here and below).
        cells: of the same scorer and granularity.
    """
    comparison = _compare(_pairs(probes[identity(calibration)] for calibration in sets.seeds.values()), cells)
    recipe = sets.recipe
    return SeedAgreement(
        tuple(sets.seeds),
        len(recipe.pairs),
        len(recipe.sentences),
        recipe.batch_size,
        comparison.kendall,
        comparison.spearman,
        comparison.jaccard,
    )


def size_agreements(
    probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants
) -> tuple[tuple[SizeAgreement, ...], int | None]:
    """The agreement of each size with the largest size of other seeds; and the smallest size that is enough."""
    agreements = tuple(_size_agreement(size, probes, cells, sets) for size in sets.sizes)
    with_largest = [agreement.largest for agreement in agreements]
    correlations = [comparison.spearman.mean if comparison.spearman else None for comparison in with_largest]
    overlaps = [mean_overlap(comparison.jaccard) for comparison in with_largest]
    return agreements, enough(list(sets.sizes), correlations, overlaps)


def batch_size_agreements(
    probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants
) -> tuple[BatchSizeAgreement, ...]:
    """The agreement of each batch size with the recipe's own set."""
    recipe = probes[identity(sets.recipe)]
    agreements = []
    for batch_size, calibration in sets.batches.items():
        comparison = _compare([(recipe, probes[identity(calibration)])], cells)
        agreements.append(BatchSizeAgreement(batch_size, comparison.kendall, comparison.spearman, comparison.jaccard))
    return tuple(agreements)


def _size_agreement(size: int, probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants) -> SizeAgreement:
    by_seed, largest = sets.sizes[size], sets.sizes[max(sets.sizes)]
    # Not with the largest set of the same seed, which begins with the smaller set and so agrees with it anyway.
    compared = [(by_seed[seed], largest[other]) for seed, other in product(by_seed, largest) if seed != other]
    first = next(iter(by_seed.values()))
    return SizeAgreement(
        size,
        len(first.pairs),
        len(first.sentences),
        fmean(shared(smaller, larger) for smaller, larger in compared),
        _compare([(probes[identity(smaller)], probes[identity(larger)]) for smaller, larger in compared], cells),
        _compare(_pairs(probes[identity(calibration)] for calibration in by_seed.values()), cells),
    )


def _pairs(probes: Iterable[Probe]) -> list[tuple[Probe, Probe]]:
    return list(combinations(probes, 2))


def _compare(pairs: Sequence[tuple[Probe, Probe]], cells: Sequence[Cell]) -> Agreement:
    correlations = [rank_correlations(a.contributions, b.contributions) for a, b in pairs]
    return Agreement(
        spread(kendall for kendall, _ in correlations),
        spread(spearman for _, spearman in correlations),
        tuple(_overlap(pairs, cell) for cell in cells),
    )


def _overlap(pairs: Sequence[tuple[Probe, Probe]], cell: Cell) -> Overlap:
    step = cell.steps[0]
    return Overlap(step.sparsity, step.scope, spread(jaccard(a.removed[cell], b.removed[cell]) for a, b in pairs))
