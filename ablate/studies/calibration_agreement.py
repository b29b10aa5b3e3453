"""How far several calibration sets agree on one scorer's contributions and on the units that are removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from statistics import fmean

from ablate.plan.plan import Cell
from ablate.statistics.ranking_agreement import enough, jaccard, rank_correlations, spread
from ablate.studies.probe import Probe
from ablate.studies.stability_record import (
    BatchSizeAgreement,
    Comparison,
    Overlap,
    SeedAgreement,
    SizeAgreement,
    mean_overlap,
)
from ablate.studies.variants import Variants, identity, shared


def seed_agreement(probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants) -> SeedAgreement:
    """All pairs of calibration seeds, at the recipe's size.

    Args:
        probes: of one scorer and granularity, by the identity of the calibration set; so below.
        cells: those of the same scorer and granularity.
    """
    compared = _compare(_pairs(probes[identity(one)] for one in sets.seeds.values()), cells)
    recipe = sets.recipe
    return SeedAgreement(
        tuple(sets.seeds),
        len(recipe.pairs),
        len(recipe.sentences),
        recipe.batch_size,
        compared.kendall,
        compared.spearman,
        compared.jaccard,
    )


def size_agreements(
    probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants
) -> tuple[tuple[SizeAgreement, ...], int | None]:
    """Each size against the largest size of the other seeds, rising; and the smallest size that is enough."""
    sizes = tuple(_size_agreement(size, probes, cells, sets) for size in sets.sizes)
    correlations = [one.largest.spearman.mean if one.largest.spearman else None for one in sizes]
    overlaps = [mean_overlap(one.largest.jaccard) for one in sizes]
    return sizes, enough(list(sets.sizes), correlations, overlaps)


def batch_size_agreements(
    probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants
) -> tuple[BatchSizeAgreement, ...]:
    """Each batch size against the recipe's own set."""
    recipe = probes[identity(sets.recipe)]
    found = {batch: _compare([(recipe, probes[identity(one)])], cells) for batch, one in sets.batches.items()}
    return tuple(BatchSizeAgreement(batch, one.kendall, one.spearman, one.jaccard) for batch, one in found.items())


def _size_agreement(size: int, probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants) -> SizeAgreement:
    by_seed, largest = sets.sizes[size], sets.sizes[max(sets.sizes)]
    # A smaller set is the beginning of the larger one of its own seed, and agrees with it for that alone.
    rivals = [(by_seed[seed], largest[rival]) for seed, rival in product(by_seed, largest) if seed != rival]
    first = next(iter(by_seed.values()))
    return SizeAgreement(
        size,
        len(first.pairs),
        len(first.sentences),
        fmean(shared(one, other) for one, other in rivals),
        _compare([(probes[identity(one)], probes[identity(other)]) for one, other in rivals], cells),
        _compare(_pairs(probes[identity(one)] for one in by_seed.values()), cells),
    )


def _pairs(probes: Iterable[Probe]) -> list[tuple[Probe, Probe]]:
    return list(combinations(probes, 2))


def _compare(pairs: Sequence[tuple[Probe, Probe]], cells: Sequence[Cell]) -> Comparison:
    correlations = [rank_correlations(a.contributions, b.contributions) for a, b in pairs]
    return Comparison(
        spread(kendall for kendall, _ in correlations),
        spread(spearman for _, spearman in correlations),
        tuple(_overlap(pairs, cell) for cell in cells),
    )


def _overlap(pairs: Sequence[tuple[Probe, Probe]], cell: Cell) -> Overlap:
    step = cell.steps[0]
    return Overlap(step.sparsity, step.scope, spread(jaccard(a.removed[cell], b.removed[cell]) for a, b in pairs))
