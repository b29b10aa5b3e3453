"""What an earlier run of the same recipe says of whole sparsities: the largest that is harmless, and the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablate.judge.effects import Group, Stage, stages
from ablate.plan.job import Job
from ablate.record import RunRecord
from ablate.statistics.sequence import largest_harmless
from ablate.store.store import Store

_BESIDE = ("stability", "prevalence", "statistics", "controls", "executor")
"""What recipes may differ in and yet have the same cells on the same tasks."""


def earlier(job: Job, store: Store) -> RunRecord | None:
    """The newest finished run in the store of the same cells on the same data; None where there is none."""
    own = _core(job.recipe.model_dump(mode="json", by_alias=True))
    for run in reversed(store.runs()):
        manifest = run.manifest
        if run.rows and manifest.get("data") == job.chosen.source.label and _core(manifest.get("recipe", {})) == own:
            return RunRecord(store.rows(run.id), store.about(run.id))
    return None


def _core(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key not in _BESIDE}


def harmless(job: Job, results: RunRecord, model: str, granularity: str) -> list[dict[str, Any]]:
    """The largest sparsity of each scorer that is still harmless, ``sparsity`` None where not even the smallest is.

    By a fixed-sequence test over rising sparsities on one stage: ``confirm`` where that saw every cell, else
    ``screen``. Scorers at random are left out, and cells without evidence.
    """
    every = job.recipe.confirm is not None and job.recipe.confirm.cells == "all"
    stage = _stage(job, results, model, "confirm" if every else "screen")
    if stage is None:
        return []
    evidence = _evidence(results, stage)
    sequences: dict[tuple[Any, ...], list[tuple[float, float | None]]] = {}
    for group in stage.groups:
        row = group.row
        if group.is_control or row["granularity"] != granularity or not isinstance(row["sparsity"], float):
            continue
        found = evidence.get(group.id)
        place = (row["scorer"], row["scope"], row["steps"])
        sequences.setdefault(place, []).append((row["sparsity"], found["p_harmless"] if found else None))
    level = job.recipe.statistics.level
    return [
        {
            "scorer": scorer,
            "scope": scope,
            "steps": steps,
            "stage": stage.name,
            "tasks": list(stage.splits),
            "tried": [sparsity for sparsity, _ in sorted(sequence)],
            "sparsity": largest_harmless([s for s, _ in sorted(sequence)], [p for _, p in sorted(sequence)], level),
        }
        for (scorer, scope, steps), sequence in sequences.items()
        if any(p is not None for _, p in sequence)
    ]


def best(job: Job, results: RunRecord, model: str, granularity: str) -> dict[str, Any] | None:
    """The cell that the screen stage puts first, with its gain on the tasks of the confirm stage.

    None where one of the two stages is lacking, or no cell has both a Δ and evidence: a gain on the pairs that chose
    is none.
    """
    screen, confirm = (_stage(job, results, model, name) for name in ("screen", "confirm"))
    if screen is None or confirm is None:
        return None
    evidence, confirmed = _evidence(results, confirm), {group.id for group in confirm.groups}
    sign = 1 if screen.measure.higher_is_better else -1
    ranked = [
        (sign * value, group)
        for group in screen.groups
        if group.row["granularity"] == granularity and not group.is_control
        if group.id in confirmed and (value := screen.effect(group).value) is not None
    ]
    if not ranked:
        return None
    _, group = max(ranked, key=_first)
    found = evidence.get(group.id)
    if found is None:
        return None
    kept = ("delta", "low", "high", "unit", "p", "q", "verdict", "n", "margin")
    row = group.row
    return {
        "cell": group.name,
        **{name: row[name] for name in ("scorer", "scope", "steps", "sparsity")},
        "chosen_on": list(screen.splits),
        "tasks": list(confirm.splits),
        **{name: found[name] for name in kept},
    }


def _first(ranked: tuple[float, Group]) -> float:
    return ranked[0]


def _stage(job: Job, results: RunRecord, model: str, name: str) -> Stage | None:
    """The stage's tasks that choose; other tasks measure something else."""
    found = (s for s in stages(results) if s.model == model and s.name == name)
    return next((s for s in found if any(task.chooses for task in job.make(s.splits))), None)


def _evidence(results: RunRecord, stage: Stage) -> dict[str, Mapping[str, Any]]:
    """What was found against dense on the mean over the stage's tasks, by the group's id."""
    return {
        item["group"]: item
        for item in results.evidence
        if (item["model"], item["stage"], item["metric"]) == (stage.model, stage.name, stage.measure.metric)
        and item["against"] == "dense"
        and item["task"] is None
    }
