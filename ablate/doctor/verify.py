"""Computes stored results again, with the function that runs use, and compares them. Nothing is written."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import isclose

import numpy as np

from ablate.doctor.finding import Finding
from ablate.doctor.recomputed import Recomputing, Wanted
from ablate.errors import FAILURES, AblateError, one_line
from ablate.judge.judge import AGREE
from ablate.plugins import Registry
from ablate.record import Row
from ablate.statistics.arrays import Values
from ablate.store.store import Store
from ablate.tasks.result import Result

CLOSE = 1e-5
"""How far a value computed again may be from the stored one, relative to the largest value if that is above 1.

Cosines of float32 embeddings move by about 1e-6 with the shape of the batch and the number of threads, since float32
sums depend on their order (2^-24 = 6e-8 for each of some hundred terms). The same bound holds for smaller models.
"""

FLIPS = 0.005
"""The share of items, at least one, whose value may differ by more if values are decisions, such as right or wrong.

Rounding moves an item across a boundary, and then its value jumps. Values are decisions if fewer than half of them are
distinct.
"""


@dataclass(frozen=True)
class Compared:
    """A stored result beside the one computed again. value: the largest difference of a value. fault: None if equal."""

    score: float
    value: float
    fault: str | None


def verify(store: Store, registry: Registry, count: int, seed: int) -> list[Finding]:
    """Computes ``count`` stored results again, and compares their scores and values.

    Results are drawn from those that rows of finished runs name. One that cannot be computed here is passed over with
    the reason, and the next of the seeded order takes its place.

    Returns:
        A line for each result, and a summary.

    Raises:
        StoreError: the database fails.
    """
    wanted = _wanted(store)
    if not wanted:
        return [Finding("results", "no finished run has results to compute again")]
    order = random.Random(seed).sample(sorted(wanted), len(wanted))
    lines: list[Finding] = []
    passed_over: Counter[str] = Counter()
    differing = 0
    queue = iter(order)
    recomputing = Recomputing(store, registry)
    while len(lines) < count and (batch := list(islice(queue, count - len(lines)))):
        # By model and run, so that each model is loaded once.
        for key in sorted(batch, key=lambda key: (wanted[key].row.model, wanted[key].run)):
            try:
                compared = _verified(store, recomputing, wanted[key], key)
            except FAILURES as error:  # a plug-in's code may raise anything
                why = str(error) if isinstance(error, AblateError) else one_line(error)
                passed_over[f"run {wanted[key].run}: {why}"] += 1
                continue
            differing += compared.fault is not None
            lines.append(_line(wanted[key], compared))
    lines += [
        Finding("not computed", f"{number} {'result' if number == 1 else 'results'} of {why}")
        for why, number in passed_over.items()
    ]
    return [*lines, _summary(sum(line.what != "not computed" for line in lines), differing, count, len(wanted))]


def _wanted(store: Store) -> dict[str, Wanted]:
    """Result key -> the newest row that names it. A run whose record is damaged is left out."""
    wanted: dict[str, Wanted] = {}
    for run in store.run_ids():
        for row in _rows(store, run):
            if row.result is not None:
                wanted[row.result] = Wanted(run, row)
    return wanted


def _rows(store: Store, run: str) -> Iterator[Row]:
    try:
        yield from [Row.from_dict(row) for row in store.rows(run)]
    except (AblateError, ValueError):
        return  # the section on the store says so


def _verified(store: Store, recomputing: Recomputing, wanted: Wanted, key: str) -> Compared:
    stored = store.get_results([key]).get(key)
    if stored is None:
        raise AblateError("the store has lost the result")
    loaded, again = recomputing.result(wanted, key)
    compared = compare(stored, again)
    if compared.fault is None and stored.score is not None and stored.values is not None:
        # What the values give decides, since rounding may exchange two items of equal rank.
        given = loaded.task.score(loaded.data, stored.values, np.ones(len(loaded.data), bool))
        if not isclose(given, stored.score, rel_tol=AGREE, abs_tol=1e-6):
            fault = f"its stored values give {given:.4f}, and its stored score is {stored.score:.4f}"
            return replace(compared, fault=fault)
    return compared


def compare(stored: Result, again: Result) -> Compared:
    """A stored result and the one computed again."""
    if (stored.score is None) != (again.score is None):
        texts = [f"{one.score:.4f}" if one.score is not None else str(one.reason) for one in (stored, again)]
        return Compared(np.nan, np.nan, f"stored: {texts[0]}; computed again: {texts[1]}")
    score = 0.0 if stored.score is None or again.score is None else again.score - stored.score
    if stored.values is None or again.values is None:
        fault = None if stored.values is again.values else "one of them has no values"
        return Compared(score, 0.0, fault)
    if len(stored.values) != len(again.values):
        fault = f"{len(stored.values)} values are stored, and {len(again.values)} were computed"
        return Compared(score, np.nan, fault)
    differences = _differences(stored.values, again.values)
    beyond = int((differences > CLOSE).sum())
    fault = None if beyond <= _allowed(stored.values) else f"{beyond} of {len(differences)} values differ"
    return Compared(score, float(differences.max(initial=0)), fault)


def _differences(stored: Values, again: Values) -> Values:
    scale = max(1.0, float(np.abs(stored).max(initial=0)))
    return np.asarray(np.abs(stored - again) / scale, np.float32)


def _allowed(values: Values) -> int:
    """How many values may differ: none, unless they are decisions."""
    decisions = len(np.unique(values)) < len(values) / 2
    return max(1, int(FLIPS * len(values))) if decisions else 0


def _line(wanted: Wanted, compared: Compared) -> Finding:
    what = f"{wanted.row.task} of {wanted.row.cell}"
    state = f"score {compared.score:+.1e}, largest difference of a value {compared.value:.1e}"
    if compared.fault is None:
        return Finding(what, f"equal within rounding: {state}")
    fix = (
        f"{what} (run {wanted.run}) is not what the model gives now: {compared.fault}. If this machine computes "
        "otherwise than the one of the run, keep the store for that one; else run in another store and compare"
    )
    return Finding(what, f"differs: {compared.fault}; {state}", fix)


def _summary(computed: int, differing: int, count: int, total: int) -> Finding:
    state = f"{computed} of {total} results computed again, {computed - differing} equal within {CLOSE:g}"
    state += f", {differing} differ" if differing else ""
    if not computed:
        return Finding("summary", state, "no result could be computed again; the lines above say why")
    return Finding("summary", state + ("" if computed >= min(count, total) else f" ({count} were asked for)"))
