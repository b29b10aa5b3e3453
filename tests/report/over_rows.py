"""Invented findings over the models of a run: the fixture of the tests of their tables, answer and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ablate.record import Held, ModelLine, OverModels, PooledGain, PooledLine, Signs

TOO_FEW = "a two-sided sign test of 2 cannot reach 0.05, even if all agree; it takes 6"


def line(model: str, by: str = "all", name: str = "all", delta: float = 0.5, **given: Any) -> ModelLine:
    """A line of a cell that improves, unless told otherwise."""
    made: dict[str, Any] = {"model": model, "lineage": model, "by": by, "name": name, "reason": None, "cells": 3}
    made |= {"improving": 1, "harmless": 2, "cell": f"{name} × align 10 %", "group": "0123456789abcdef"}
    made |= {"delta": delta, "low": delta - 0.2, "high": delta + 0.2, "verdict": "improves"}
    made |= {"first": f"{name} × align 10 %", "first_delta": delta - 0.1}
    return ModelLine(**made | given)


def failed(model: str, reason: str = "failed: out of memory") -> ModelLine:
    """The line of a model without a cell."""
    return ModelLine(model=model, lineage=model, by="all", name="all", reason=reason, cells=0, improving=0, harmless=0)


def pooled(by: str = "all", name: str = "all", gain: float = 0.4, **given: Any) -> PooledLine:
    """Three models of two lineages, on two of which a cell improves."""
    made: dict[str, Any] = {"by": by, "name": name, "models": 3, "lineages": 2, "signs": None, "untested": TOO_FEW}
    made |= {"improves": Held(models=2, lineages=1, some=1), "harmless": Held(models=3, lineages=2, some=0)}
    made["pooled"] = PooledGain(gain=gain, low=gain - 0.3, high=gain + 0.3, se=0.15, resamples=2000, optimistic=False)
    return PooledLine(**made | given)


def signs(above: int, lineages: int) -> dict[str, Any]:
    """What a line with a sign test has in place of the reason."""
    return {"signs": Signs(above=above, lineages=lineages, p=0.03, q=0.031), "untested": None}


def over(
    lines: Sequence[ModelLine], lines_pooled: Sequence[PooledLine] = (), stage: str = "confirm", **given: Any
) -> OverModels:
    """What is found over models on two tasks."""
    made: dict[str, Any] = {"stage": stage, "metric": "spearman", "unit": "points", "higher_is_better": True}
    made |= {"tasks": ("stsb", "sickr"), "lines": tuple(lines), "pooled": tuple(lines_pooled)}
    return OverModels(**made | given)


def family() -> OverModels:
    """Two models of one lineage, one of another, and one that failed."""
    lines = [
        one
        for model, lineage, delta in (("a", "fam", 0.6), ("b", "fam", -0.3), ("c", "c", 1.1))
        for by, name in (("all", "all"), ("granularity", "head"), ("scorer", "align"))
        for one in [
            line(
                model,
                by,
                name,
                delta,
                lineage=lineage,
                verdict="improves" if delta > 0 else "undecided",
                improving=int(delta > 0),
                harmed=("sickr",) if model == "c" else (),
                depth={"head": (0.5, 0.3, 0.2)},
            )
        ]
    ]
    kinds = (("all", "all"), ("granularity", "head"), ("scorer", "align"))
    return over(
        [*lines, failed("d")],
        [pooled(by, name, depth={"head": (0.5, 0.3, 0.2)} if by == "granularity" else None) for by, name in kinds],
    )
