"""The lines above and below the tables: the set-up of the run, its cost, and why scores are absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ablate.data.own_records import described, source_shown
from ablate.judge.effects import Stage
from ablate.record import Row, RunAbout, RunRecord, TrainingData

_CLEAN = "Δ leaves out the pairs that calibration or choice has seen; 'all pairs' counts every pair"
_ALL_SEEN = "no score on the pairs that calibration and choice have not seen"


def head(results: RunRecord, run_stages: Sequence[Stage]) -> tuple[str, ...]:
    """The models, the data and why this source was used, and which tasks choose and which report."""
    about = results.about
    title = "models" if len(about.models) > 1 else "model"
    why = f" – {about.data_why}" if about.data_why else ""
    return (
        f"{title}: {', '.join(about.models)}",
        f"data: {source_shown(about.data + why, (row.data for row in results.rows))}",
        *(f"{task}: {what}" for task, what in described(about.tasks or {}).items()),
        *(about.earlier_roles or ()),
        *_computed_on(about),
        *_trained_on(about.training),
        *_dims(about),
        _hygiene(results, run_stages),
        *((_CLEAN,) if about.clean and any(row.n != row.n_clean for row in results.rows) else ()),
        *_cannot_choose(about),
        *(about.near_duplicates.lines if about.near_duplicates else ()),
    )


def _computed_on(about: RunAbout) -> tuple[str, ...]:
    """The devices of the run and its precision, unless they are the CPU and float32."""
    devices = ", ".join(dict.fromkeys((about.devices or {}).values()))
    if devices in ("", "cpu") and about.precision == "float32":
        return ()
    return (f"device: {devices or 'unknown'}, evaluated in {about.precision}",)


def _trained_on(training: TrainingData | None) -> tuple[str, ...]:
    if training is None:
        return ()
    examples = f"{training.examples:,} {training.kind} ({training.source})"
    return (f"trained: {training.steps:,} steps on {examples}",)


def _dims(about: RunAbout) -> tuple[str, ...]:
    """To how many components embeddings were truncated, if they were."""
    if not about.dims:
        return ()
    several = len(about.dims) > 1
    own = ", ".join(f"{model} {dim}" if several else str(dim) for model, dim in about.dims.items())
    listed = (about.recipe or {}).get("truncate_dims", ())
    asked = ", ".join(str(dim) for dim in listed if {dim} != set(about.dims.values()))
    if not asked:
        return ()
    return (f"dimensions: {own}, which choose; also truncated to {asked}",)


def _cannot_choose(about: RunAbout) -> tuple[str, ...]:
    """Which tasks should have chosen and did not."""
    several = len(about.models) > 1
    return tuple(
        f"{task} did not choose{f' for {model}' if several else ''}: {why}"
        for model, by_task in (about.cannot_choose or {}).items()
        for task, why in by_task.items()
    )


def _hygiene(results: RunRecord, run_stages: Sequence[Stage]) -> str:
    about = results.about
    splits = {task: split for stage in run_stages for task, split in stage.splits.items()}
    screen, confirm, choosing = (_tasks(names, splits) for names in (about.screen, about.confirm, about.chosen_on))
    clean = "without pairs already used for calibration or selection" if about.clean else "overlapping pairs kept"
    if not confirm:
        sentence = f"every cell on {screen}, {clean}; nothing confirmed"
    elif any(stage.name == "screen" and stage.selects for stage in run_stages):
        sentence = f"chosen on {choosing}; reported on {confirm}, {clean}"
    else:
        also = f", and screened on {screen}" if screen else ""
        sentence = f"every cell reported on {confirm}, {clean}{also}; none left out by a choice"
    return f"exploratory: nothing held out; {sentence}" if about.exploratory else sentence


def _tasks(names: Iterable[str], splits: Mapping[str, str]) -> str:
    """``stsb-dev (dev)``, ``sts12, sts13 (test)``."""
    by_split: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        by_split.setdefault(splits.get(name, "not run"), []).append(name)
    return ", ".join(f"{', '.join(tasks)} ({split})" for split, tasks in by_split.items())


def foot(results: RunRecord) -> tuple[str, ...]:
    """Why scores are absent, the time of each part, and what came from the store."""
    about = results.about
    lines = [f"{status}: {reason}" for status, reason in _reasons(results).items()]
    lines += [f"failed, model {model}: {reason}" for model, reason in (about.failed_models or {}).items()]
    lines += [f"no evidence, {reason}" for reason in about.withheld]
    asked = (about.recipe or {}).get("controls", {}).get("searched")
    if asked and about.confirm and not any(row.evaluations for row in results.rows):
        lines.append("no random search (controls.searched): no confirmed cell was found by a search on dev")
    if about.timings:
        spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in about.timings.items())
        lines.append(f"seconds: {spent}")
    lines += racing(about)
    lines.append(f"cells: {about.counts}")
    lines += [f"matched draws: {about.draws_said}"] if about.draws_said else []
    lines.append(f"store: {about.store}, run {about.run}")
    if about.command:
        lines.append(f"command: {about.command}")
    return tuple(lines)


def racing(about: RunAbout) -> list[str]:
    """What racing has spared, model by model."""
    of_model = (about.racing or {}).items()
    return [
        f"racing{f' of {model}' if len(about.models) > 1 else ''}: {one.whole} of {one.cells} cells were evaluated in "
        f"full; {100 * one.encoded / one.without:.0f} % of the encoding ({one.encoded:,} of {one.without:,} sentences, "
        "those of stored results included)"
        for model, one in of_model
    ]


def _reasons(results: RunRecord) -> dict[str, str]:
    """Each reason once: where it applies, such as ``failed, sts12 of head × align 10 % and 6 more`` -> the reason."""
    clean = results.about.clean
    places: dict[tuple[str, str], list[str]] = {}
    for row in results.rows:
        # The number that the tables show: dense has a score and no Δ.
        value = row.score_on(clean) if row.cell == "dense" else row.delta_on(clean)
        if row.status != "stopped" and (row.status != "ok" or value is None):
            status = "undefined" if row.status == "ok" else row.status
            model = f", {row.model}" if len(results.about.models) > 1 else ""
            control = f" ({row.control})" if row.control else ""
            place = f"{row.task} of {row.cell}{control}{model}"
            places.setdefault((status, row.reason or _why(row)), []).append(place)
    return {
        f"{status}, {where[0]}" + (f" and {len(where) - 1} more" if len(where) > 1 else ""): reason
        for (status, reason), where in places.items()
    }


def _why(row: Row) -> str:
    if row.status != "ok":
        return "no reason given"
    return _ALL_SEEN if row.dense is not None else "the dense model has no score to compare with"
