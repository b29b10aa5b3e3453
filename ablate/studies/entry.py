"""The record of one granularity's prevalence: docs/prevalence.md lists its keys."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.discovery import confirmed, p_better
from ablate.statistics.hurting_share import above_zero
from ablate.statistics.ranking_agreement import rank_correlations
from ablate.studies.granularity_prevalence import RATE, GranularityPrevalence
from ablate.studies.predicted import Predicted


def entry_of(part: GranularityPrevalence) -> dict[str, Any]:
    """What JSON can hold of a part; ``harmless`` and ``best`` are empty."""
    groups, gains = part.groups, part.gains
    sizes = [len(units) for units in groups.units]
    return {
        "model": part.model,
        "granularity": part.granularity,
        "units": sum(sizes),
        "groups": len(groups),
        "group_size": max(sizes),
        "tasks": list(part.tasks),
        "pairs": gains.pairs,
        "undefined": len(groups) - len(gains.places),
        "predicted": [_predicted(part, name, one) for name, one in part.predicted.items()],
        "removed": {
            "groups": list(gains.places),
            "layers": [groups.layers[place] for place in gains.places],
            "gains": gains.gains.tolist(),
            "errors": gains.errors.tolist(),
        },
        "share": None if part.share is None else asdict(part.share),
        "replication": None if part.replication is None else asdict(part.replication),
        "rate": RATE,
        "found": _found(part),
        "confirm": _confirm(part),
        "layers": _layers(part),
        "harmless": [],
        "best": None,
    }


def maps_of(part: GranularityPrevalence) -> list[dict[str, Any]]:
    """The contribution of each unit, predicted and (``oracle``) exact, where each was removed alone and has a score."""
    if not part.groups.alone or len(part.gains.places) < len(part.groups):
        return []
    found = {name: one.sums.tolist() for name, one in part.predicted.items()}
    fixed = {"model": part.model, "granularity": part.granularity, "layers": list(part.groups.layers)}
    return [
        *({**fixed, "scorer": name, "contributions": sums, "oracle": False} for name, sums in found.items()),
        {**fixed, "scorer": "oracle", "contributions": (-part.gains.gains).tolist(), "oracle": True},
    ]


def _predicted(part: GranularityPrevalence, name: str, one: Predicted) -> dict[str, Any]:
    """``spearman``: of a group's contribution, summed, with what is really lost when it goes."""
    _, spearman = rank_correlations(one.sums[list(part.gains.places)], -part.gains.gains.astype(np.float32))
    share = float(one.below.sum()) / sum(map(len, part.groups.units))
    return {"scorer": name, "share": share, "spearman": spearman}


def _found(part: GranularityPrevalence) -> list[dict[str, Any]]:
    gains, fresh = part.gains, part.fresh
    ps = dict(zip(gains.places, p_better(gains.gains, gains.errors).tolist(), strict=True))
    on_screen = dict(zip(gains.places, zip(gains.gains.tolist(), gains.errors.tolist(), strict=True), strict=True))
    again: dict[int, dict[str, Any]] = {}
    if fresh is not None:
        passed = confirmed(fresh.gains, fresh.errors, part.level)
        numbers = zip(fresh.gains.tolist(), fresh.errors.tolist(), passed.tolist(), strict=True)
        again = {
            place: {"gain": gain, "error": error, "confirmed": yes}
            for place, (gain, error, yes) in zip(fresh.places, numbers, strict=True)
        }
    return [
        {
            "name": part.groups.name(place),
            "group": place,
            "layer": part.groups.layers[place],
            "gain": on_screen[place][0],
            "error": on_screen[place][1],
            "p": ps[place],
            "confirm": again.get(place),
        }
        for place in part.found
    ]


def _confirm(part: GranularityPrevalence) -> dict[str, Any] | None:
    """None where no task was read to confirm. ``expected``: how many would pass if none of the found truly improved."""
    if not part.confirmed_by:
        return None
    fresh = part.fresh
    return {
        "tasks": list(part.confirmed_by),
        "pairs": fresh.pairs if fresh else None,
        "level": part.level,
        "confirmed": int(confirmed(fresh.gains, fresh.errors, part.level).sum()) if fresh else 0,
        "expected": part.level * len(part.found),
    }


def _layers(part: GranularityPrevalence) -> list[dict[str, Any]]:
    """``share``: the mean chance of the layer's groups to hurt, by the prior of all layers together."""
    gains, groups = part.gains, part.groups
    layers = np.array([groups.layers[place] for place in gains.places], np.int64)
    chances = above_zero(gains.gains, gains.errors, part.share.mean, part.share.sd) if part.share else None
    units = np.bincount(groups.layers, [len(one) for one in groups.units])
    found = {one["group"]: one for one in _found(part)}
    rows = []
    for layer in range(int(groups.layers[-1]) + 1):
        here: NDArray[np.bool_] = layers == layer
        own = [one for place, one in found.items() if groups.layers[place] == layer]
        rows.append(
            {
                "layer": layer,
                "groups": int(here.sum()),
                "predicted": {n: float(one.below[layer] / units[layer]) for n, one in part.predicted.items()},
                "share": float(chances[here].mean()) if chances is not None and here.any() else None,
                "gain": float(gains.gains[here].mean()) if here.any() else None,
                "found": len(own),
                "confirmed": sum(bool(one["confirm"] and one["confirm"]["confirmed"]) for one in own),
            }
        )
    return rows
