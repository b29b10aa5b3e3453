"""How far several calibration sets agree on one scorer's ranking and on the units that go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from statistics import fmean
from typing import Any

from ablate.plan.plan import Cell
from ablate.statistics.ranking_agreement import Spread, enough, jaccard, rank_correlations, spread
from ablate.studies.probe import Probe
from ablate.studies.variants import Variants, identity, shared


def agreement(probes: Mapping[str, Probe], cells: Sequence[Cell], sets: Variants) -> dict[str, Any]:
    """How far the probes of one scorer and granularity agree, by what was varied; docs/stability.md lists the keys.

    Seeds and sizes are compared in all pairs of different seeds, batch sizes with the recipe's own set.

    Args:
        probes: by the identity of the calibration set.
    """
    largest = list(sets.sizes[max(sets.sizes)].items())
    sizes: list[dict[str, Any]] = []
    for size, by_seed in sets.sizes.items():
        to_largest = [(one, other) for seed, one in by_seed.items() for rival, other in largest if rival != seed]
        one = next(iter(by_seed.values()))
        sizes.append(
            {
                "size": size,
                "pairs": len(one.pairs),
                "sentences": len(one.sentences),
                "shared": fmean(shared(a, b) for a, b in to_largest),
                "largest": _compare([(probes[identity(a)], probes[identity(b)]) for a, b in to_largest], cells),
                "seeds": _compare(_pairs(probes[identity(one)] for one in by_seed.values()), cells),
            }
        )
    correlations = [_mean(one["largest"]["spearman"]) for one in sizes]
    overlaps = [_mean_jaccard(one["largest"]["jaccard"]) for one in sizes]
    own = probes[identity(sets.recipe)]
    return {
        "seeds": {
            "values": list(sets.seeds),
            "pairs": len(sets.recipe.pairs),
            "sentences": len(sets.recipe.sentences),
            "batch_size": sets.recipe.batch_size,
            **_compare(_pairs(probes[identity(one)] for one in sets.seeds.values()), cells),
        },
        "sizes": sizes,
        "enough": enough(list(sets.sizes), correlations, overlaps),
        "batch_sizes": [
            {"batch_size": batch, **_compare([(own, probes[identity(one)])], cells)}
            for batch, one in sets.batches.items()
        ],
    }


def _pairs(probes: Iterable[Probe]) -> list[tuple[Probe, Probe]]:
    return list(combinations(probes, 2))


def _compare(pairs: Sequence[tuple[Probe, Probe]], cells: Sequence[Cell]) -> dict[str, Any]:
    correlations = [rank_correlations(a.contributions, b.contributions) for a, b in pairs]
    overlaps = {cell: spread(jaccard(a.removed[cell], b.removed[cell]) for a, b in pairs) for cell in cells}
    return {
        "kendall": _as_dict(spread(kendall for kendall, _ in correlations)),
        "spearman": _as_dict(spread(spearman for _, spearman in correlations)),
        "jaccard": [{**place(cell), "value": _as_dict(overlap)} for cell, overlap in overlaps.items()],
    }


def place(cell: Cell) -> dict[str, Any]:
    """What tells the cells of one scorer and granularity apart."""
    return {"sparsity": cell.steps[0].sparsity, "scope": cell.steps[0].scope}


def _as_dict(found: Spread | None) -> dict[str, Any] | None:
    return None if found is None else asdict(found)


def _mean(found: Mapping[str, Any] | None) -> float | None:
    return None if found is None else float(found["mean"])


def _mean_jaccard(found: Sequence[Mapping[str, Any]]) -> float | None:
    """Over all cells that remove anything."""
    means = [mean for one in found if (mean := _mean(one["value"])) is not None]
    return fmean(means) if means else None
