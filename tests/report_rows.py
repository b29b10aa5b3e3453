"""Rows as a run makes them, with invented but realistic numbers: the fixture of the report tests."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from hashlib import sha256
from statistics import NormalDist
from typing import Any

from ablate.judge.effects import Stage, stages
from ablate.judge.group import Group
from ablate.record import FIELDS, JUDGMENT, Evidence, Row, RunAbout
from ablate.report.results import Results
from ablate.statistics.verdict import Claim, verdict

DENSE = {"stsb-dev": 86.12, "sts12": 72.37, "sts13": 80.60, "sts14": 75.59, "sts15": 85.39, "sts16": 78.99}
DENSE |= {"stsb": 82.03, "sickr": 77.58}
SEVEN = tuple(task for task in DENSE if task != "stsb-dev")
SCORERS = ("align", "uniform", "combined", "magnitude", "random")
UNITS = {"unstructured": 10_616_832, "head": 72, "neuron": 9_216}
SPARSITIES = (0.05, 0.1, 0.2, 0.3)


def row(**given: Any) -> Row:
    """One row with every field: a dense one on stsb-dev, unless told otherwise. ``delta`` fills the scores."""
    task = given.get("task", "stsb-dev")
    dense = DENSE.get(task, 80.0)
    made: dict[str, Any] = dict.fromkeys(FIELDS) | {
        "model": "minilm",
        "data": "senteval",
        "cell": "dense",
        "scope": None,
        "steps": 0,
        "stage": "screen",
        "task": task,
        "split": "dev" if task.endswith("-dev") else "test",
        "metric": "spearman",
        "unit": "points",
        "higher_is_better": True,
        "n": 1500,
        "n_clean": 1480,
        "status": "ok",
        "dense": dense,
        "dense_clean": dense - 0.1,
        "chosen": False,
        "cached": False,
        "seconds": 1.5,
        "sparsity_achieved": 0.0,
        "units_removed": 0,
        "params_removed": 0,
        "params_total": 22_713_216,
        "delta": 0.0,
    }
    made |= given
    identity = [made[name] for name in ("model", "cell", "scope", "seed", "steps", "control", "control_of", "draw")]
    made["key"] = given.get("key") or sha256(repr(identity).encode()).hexdigest()
    if made["status"] != "ok":
        return Row(**made | dict.fromkeys(("score", "delta", "score_clean", "delta_clean")))
    if made["delta"] is not None and made["dense"] is not None:
        made["score"] = made["dense"] + made["delta"]
    made["delta_clean"] = given.get("delta_clean", made["delta"])
    if made["delta_clean"] is not None:
        made["score_clean"] = made["dense_clean"] + made["delta_clean"]
    return Row(**made)


def changed(made: Row, **given: Any) -> Row:
    """The row made again with other values, its scores and its key with it."""
    return row(**made.to_dict() | given)


def cell(granularity: str, scorer: str, sparsity: float | str, **given: Any) -> Row:
    """One row of a cell of the grid."""
    share = 0.07 if isinstance(sparsity, str) else sparsity
    units = UNITS.get(granularity, 100)
    text = f"{100 * share:g} %" if sparsity != "negative" else "negative"
    fields = {
        "cell": f"{granularity} × {scorer} {text}",
        "granularity": granularity,
        "scorer": scorer,
        "sparsity": sparsity,
        "scope": "global",
        "steps": 1,
        "units_total": units,
        "units_removed": round(share * units),
        "sparsity_achieved": round(share * units) / units,
        "params_removed": round(share * units) * {"unstructured": 1, "head": 49_248, "neuron": 769}.get(granularity, 5),
    }
    return row(**(fields | given))


def about(**given: Any) -> RunAbout:
    """What a run was, of plain JSON values."""
    return RunAbout.from_dict(
        {
            "models": ["minilm"],
            "data": "senteval",
            "data_why": "ABLATE_DATA names a SentEval folder",
            "screen": ["stsb-dev"],
            "confirm": list(SEVEN),
            "overlap": "drop",
            "exploratory": False,
            "timings": {"collect": 61.24, "score": 3.5, "mask": 1.1, "encode": 402.0},
            "run": "3f9a1c22b0d4e5f6a7b8",
            "store": "sqlite:///ablate.db",
            "command": "ablate run recipes/sts.yaml",
            "cached": 12,
            "computed": 190,
            "failed": 0,
            "panels": {},
        }
        | given
    )


def _screen(model: str, rng: random.Random, scorers: Sequence[str]) -> Iterator[Row]:
    yield row(model=model)
    for granularity in UNITS:
        for scorer in scorers:
            for sparsity in SPARSITIES:
                for seed in (0, 1, 2) if scorer == "random" else (None,):
                    lift = {"head": 0.4, "neuron": 0.1}.get(granularity, 0.0) * (scorer != "random")
                    delta = lift + rng.gauss(0, 0.2) - 6 * sparsity**2 * (3 if scorer == "random" else 1)
                    given = {"model": model, "seed": seed, "chosen": sparsity == 0.1, "delta": delta + 0.03}
                    yield cell(granularity, scorer, sparsity, delta_clean=delta, **given)


def _confirm(model: str, rng: random.Random, screened: Sequence[Row]) -> Iterator[Row]:
    for task in SEVEN:
        yield row(model=model, task=task, stage="confirm", n=3108, n_clean=3091)
    for chosen in [made for made in screened if made.chosen]:
        for task in SEVEN:
            share = {"task": task, "split": "test", "stage": "confirm", "dense": DENSE[task]}
            share["dense_clean"] = DENSE[task] - 0.1
            assert chosen.delta is not None
            delta = chosen.delta + rng.gauss(0, 0.3)
            yield changed(chosen, **share | {"delta": delta, "delta_clean": delta - 0.02})
            if chosen.scorer == "random":
                continue
            for control, draw in (("matched", 0), ("matched", 1), ("matched", 2), ("flipped", None)):
                of = {"control": control, "control_of": chosen.key, "draw": draw, "chosen": False, "key": ""}
                delta = rng.gauss(-0.3 if control == "matched" else -4, 0.3)
                yield changed(chosen, **share | of | {"delta": delta, "delta_clean": delta})


def steps_cell(**given: Any) -> Row:
    """One row of a cell of two steps."""
    fields = {
        "cell": "head combined 20 % > neuron magnitude 10 %",
        "steps": 2,
        "sparsity_achieved": None,
        "units_removed": None,
    }
    return row(**(fields | {"params_removed": 1_398_000, "scope": "global"} | given))


def a_run(models: Sequence[str] = ("minilm",), scorers: Sequence[str] = SCORERS, seed: int = 0) -> Results:
    """A whole run: 5 scorers × 3 granularities × 4 sparsities, 3 random seeds; 7 test sets; a cell of two steps."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for model in models:
        screened = list(_screen(model, rng, scorers))
        rows += screened
        rows.append(steps_cell(model=model, delta=rng.gauss(0, 0.3)))
        rows += _confirm(model, rng, screened)
        rows += [steps_cell(model=model, task=task, stage="confirm", delta=rng.gauss(0.1, 0.3)) for task in SEVEN]
    return Results(rows, about(models=list(models)))


def a_comparison(tasks: Sequence[str] = ("stsb", "sts13")) -> Results:
    """``ablate compare``: nothing held out; one cell failed, another is undefined on one task."""
    rng = random.Random(1)
    rows = [row(task=task) for task in tasks]
    for scorer in ("align", "uniform", "magnitude"):
        for granularity in ("head", "neuron"):
            for sparsity in (0.05, 0.2):
                for task in tasks:
                    made = cell(granularity, scorer, sparsity, task=task, delta=rng.gauss(0, 0.5))
                    if (granularity, scorer, sparsity) == ("head", "uniform", 0.2):
                        made = cell(granularity, scorer, sparsity, task=task, status="failed", reason="out of memory")
                    if (granularity, scorer, sparsity, task) == ("neuron", "align", 0.2, tasks[0]):
                        reason = "all similarities are the same"
                        made = cell(granularity, scorer, sparsity, task=task, status="undefined", reason=reason)
                    rows.append(made)
    return Results(rows, about(exploratory=True, screen=list(tasks), confirm=[], failed=1))


def judged(results: Results, se: float = 0.25, level: float = 0.05, margin: float = 0.2) -> Results:
    """The same run with evidence as :func:`ablate.judge.evidence.judge_stage` gives it, from normal errors."""
    evidence = [
        _item(stage, group, task, against, se, level, margin)
        for stage in stages(results)
        for group in stage.groups
        for task in (None, *stage.splits)
        for against in ("dense", *(["matched"] if group.matched else []))
        if stage.effect(group, tasks=[task] if task else ()).value is not None
    ]
    return Results(results.rows, replace(results.about, evidence=tuple(evidence), judgment=JUDGMENT))


def _item(
    stage: Stage, group: Group, task: str | None, against: str, se: float, level: float, margin: float
) -> Evidence:
    delta = stage.effect(group, tasks=[task] if task else ()).value or 0.0
    if against == "matched":
        delta -= stage.matched(group).value or 0.0
    p = min(1.0, 2 * NormalDist().cdf(-abs(delta) / se))
    numbers: dict[str, Any] = {
        "task": task,
        "margin": margin,
        "level": level,
        "against": against,
        "delta": delta,
        "low": delta - 1.96 * se,
        "high": delta + 1.96 * se,
        "se": se,
    }
    if against == "matched":
        beats: dict[str, Any] = {"p_beats": p, "q_beats": p if delta > 0 else 1.0}
        return an_item(stage, group, **numbers, **beats, draws=len(group.matched), beaten=2)
    qs: dict[Claim, float] = {
        "harms": NormalDist().cdf((delta + margin) / se),
        "better": p if delta > 0 else 1.0,
        "harmless": NormalDist().cdf(-(delta + margin) / se),
        "worse": p if delta < 0 else 1.0,
    }
    untested = None if group.matched else "0 matched draws, and a test needs two"
    numbers |= {"smallest_better": 2.8 * se}
    if group.matched:
        qs["improves"] = qs["better"]
        numbers |= {"smallest_improves": 3.2 * se}
    claims = {f"q_{claim}": q for claim, q in qs.items()}
    found = {"p_different": p, "studentized": True, "p_harmless": qs["harmless"], "untested": untested}
    return an_item(stage, group, **numbers, **claims, **found, verdict=verdict(level, qs))


def an_item(stage: Stage, group: Group, **given: Any) -> Evidence:
    """An item of evidence on a cell; what is not given was not tested."""
    made: dict[str, Any] = {field.name: None for field in fields(Evidence)}
    made |= {"n": 1500, "correction": "bh", "resamples": 2000, "harmed": ()} | of_group(stage, group)
    return Evidence(**made | given)


def of_group(stage: Stage, group: Group) -> dict[str, Any]:
    """The fields of an item of evidence that say which cell it is about."""
    return {
        "model": stage.model,
        "stage": stage.name,
        "metric": stage.measure.metric,
        "unit": stage.measure.unit,
        "group": group.id,
        "cell": group.name,
        "granularity": group.row.granularity,
        "scorer": group.row.scorer,
        "sparsity": group.row.sparsity,
    }
