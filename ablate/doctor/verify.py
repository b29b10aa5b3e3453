"""Computes stored results again, with the function that runs use, and compares them. Nothing is written."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from math import isclose

import numpy as np
import torch

from ablate.doctor.finding import Finding
from ablate.doctor.own_files import changed_files
from ablate.doctor.recomputed import Recomputing, Wanted
from ablate.errors import AblateError, one_line
from ablate.interrupts import any_failure
from ablate.judge.judge import AGREE
from ablate.models.device import CPU
from ablate.models.spec import Precision
from ablate.plugins import Registry
from ablate.statistics.arrays import Values
from ablate.store.store import Store
from ablate.tasks.result import Result

CLOSE = 1e-5
"""How far a value computed again may be from the stored one, relative to the largest value if that is above 1.

Cosines of float32 embeddings move by some 1e-7 to 1e-6 with the shape of the batch, the number of threads and the
processor, since float32 sums depend on their order. Smaller models in place of masks have the same bound
(:data:`ablate.models.materialize.CLOSE`).
"""

BOUNDS: Mapping[Precision, float] = {"float32": CLOSE, "fp16": 3e-3, "bf16": 2e-2}
"""The same for each precision: bf16 has 8 bits for the fraction and fp16 has 11, where float32 has 24."""

FLIPS = 0.005
"""The share of items, at least one, whose value may differ by more if values are decisions, such as right or wrong.

Rounding moves an item across a boundary, and then its value jumps. Values are decisions if fewer than half of them are
distinct.
"""


@dataclass(frozen=True)
class Compared:
    """A stored result beside the one computed again.

    score: the difference of the scores. value: the largest difference of a value. Each is None where only one of the
    two has any. flips: how many items were decided otherwise. fault: what is wrong; None if they are equal within
    rounding.
    """

    score: float | None
    value: float | None
    flips: int
    fault: str | None


def verify(
    store: Store,
    registry: Registry,
    wanted: Mapping[str, Wanted],
    count: int,
    seed: int,
    device: torch.device = CPU,
) -> list[Finding]:
    """Computes ``count`` stored results again, and compares their scores and values.

    One that cannot be computed here is passed over with the reason, and the next of the seeded order takes its place.

    Args:
        wanted: the results to draw from: those that rows of runs name, by their keys.
        device: where they are computed again.

    Returns:
        A line for each own file that is not the one that a run read, one for each result, and a summary.

    Raises:
        StoreError: the database fails.
    """
    if not wanted:
        return [Finding("results", "no finished run has results to compute again")]
    order = random.Random(seed).sample(sorted(wanted), len(wanted))
    lines: list[Finding] = []
    passed_over: Counter[str] = Counter()
    differing, bound = 0, CLOSE
    queue = iter(order)
    recomputing = Recomputing(store, registry, device)
    while len(lines) < count and (batch := list(islice(queue, count - len(lines)))):
        # By model and run, so that each model is loaded once.
        for key in sorted(batch, key=lambda key: (wanted[key].model, wanted[key].run)):
            try:
                compared = _verified(store, recomputing, wanted[key], key)
            except any_failure() as error:  # a plug-in's code may raise anything
                why = str(error) if isinstance(error, AblateError) else one_line(error)
                passed_over[f"run {wanted[key].run}: {why}"] += 1
                continue
            differing += compared.fault is not None
            bound = max(bound, BOUNDS[recomputing.precision(wanted[key])])
            lines.append(_line(wanted[key], compared))
    lines += [
        Finding("not computed", f"{number} {'result' if number == 1 else 'results'} of {why}")
        for why, number in passed_over.items()
    ]
    changed = changed_files(store, {one.run for one in wanted.values()})
    return [
        *changed,
        *lines,
        _summary(sum(line.what != "not computed" for line in lines), differing, count, len(wanted), bound),
    ]


def _verified(store: Store, recomputing: Recomputing, wanted: Wanted, key: str) -> Compared:
    stored = store.get_results([key]).get(key)
    if stored is None:
        raise AblateError("the store has lost the result")
    loaded, again = recomputing.result(wanted, key)
    compared = compare(stored, again, BOUNDS[recomputing.precision(wanted)])
    if compared.fault is None and stored.score is not None and stored.values is not None:
        # What the values give decides, since rounding may exchange two items of equal rank.
        given = loaded.task.score(loaded.data, stored.values, np.ones(len(loaded.data), bool))
        if not isclose(given, stored.score, rel_tol=AGREE, abs_tol=1e-6):
            fault = f"its stored values give {given:.4f}, and its stored score is {stored.score:.4f}"
            return replace(compared, fault=fault)
    return compared


def compare(stored: Result, again: Result, close: float = CLOSE) -> Compared:
    """A stored result and the one computed again. close: how far a value may be from the stored one."""
    if (stored.score is None) != (again.score is None):
        texts = [f"{one.score:.4f}" if one.score is not None else str(one.reason) for one in (stored, again)]
        return Compared(None, None, 0, f"stored: {texts[0]}; computed again: {texts[1]}")
    score = None if stored.score is None or again.score is None else again.score - stored.score
    if stored.values is None or again.values is None:
        fault = None if stored.values is again.values else "one of them has no values"
        return Compared(score, None, 0, fault)
    if len(stored.values) != len(again.values):
        fault = f"{len(stored.values)} values are stored, and {len(again.values)} were computed"
        return Compared(score, None, 0, fault)
    differences = _differences(stored.values, again.values)
    beyond, allowed = int((differences > close).sum()), _allowed(stored.values)
    fault = None if beyond <= allowed else f"{beyond} of {len(differences)} values differ"
    return Compared(score, float(differences.max(initial=0)), beyond if allowed else 0, fault)


def _differences(stored: Values, again: Values) -> Values:
    scale = max(1.0, float(np.abs(stored).max(initial=0)))
    return np.asarray(np.abs(stored - again) / scale, np.float32)


def _allowed(values: Values) -> int:
    """How many values may differ: none, unless they are decisions."""
    decisions = len(np.unique(values)) < len(values) / 2
    return max(1, int(FLIPS * len(values))) if decisions else 0


def _line(wanted: Wanted, compared: Compared) -> Finding:
    what = f"{wanted.task} of {wanted.cell}"
    parts = [] if compared.score is None else [f"score {compared.score:+.{'4f' if compared.flips else '1e'}}"]
    if compared.flips:
        parts.append(f"items decided otherwise: {compared.flips}")
    elif compared.value is not None:
        parts.append(f"largest difference of a value {compared.value:.1e}")
    state = ", ".join(parts)
    if compared.fault is None:
        return Finding(what, f"equal within rounding{f': {state}' if state else ''}")
    fix = (
        f"{what} (run {wanted.run}) is not what the model gives now: {compared.fault}. If this machine computes "
        "otherwise than the one of the run, keep the store for that one; else run in another store and compare"
    )
    return Finding(what, f"differs: {compared.fault}{f'; {state}' if state else ''}", fix)


def _summary(computed: int, differing: int, count: int, total: int, bound: float) -> Finding:
    state = f"{computed} of {total} results computed again, {computed - differing} equal within {bound:g}"
    state += f", {differing} differ" if differing else ""
    if not computed:
        return Finding("summary", state, "no result could be computed again; the lines above say why")
    return Finding("summary", state + ("" if computed >= min(count, total) else f" ({count} were asked for)"))
