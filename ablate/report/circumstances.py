"""What stands above and below the tables: the set-up of the run, and what it cost and lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablate.judge.effects import Stage

if TYPE_CHECKING:
    from ablate.record import RunRecord

_CLEAN = "Δ counts no pair that calibration or choice has seen; 'full set' counts every pair"
_LIFTED = "no score on the pairs left once those already seen are out"


def head(results: RunRecord, found: Sequence[Stage]) -> tuple[str, ...]:
    """The models, the data and why these, and which split chose and which reports."""
    about = results.about
    many = "models" if len(about["models"]) > 1 else "model"
    why = f" – {about['data_why']}" if about.get("data_why") else ""
    return (
        f"{many}: {', '.join(about['models'])}",
        f"data: {about['data']}{why}",
        *_trained_on(about),
        _hygiene(results, found),
        *((_CLEAN,) if about["overlap"] == "drop" else ()),
    )


def _trained_on(about: Mapping[str, Any]) -> tuple[str, ...]:
    found = about.get("training")
    if found is None:
        return ()
    return (f"trained: {found['steps']:,} steps on {found['examples']:,} {found['kind']} ({found['source']})",)


def _hygiene(results: RunRecord, found: Sequence[Stage]) -> str:
    about = results.about
    splits = {task: split for stage in found for task, split in stage.splits.items()}
    screen, confirm = (_tasks(about[name], splits) for name in ("screen", "confirm"))
    choosing = _tasks(about.get("choosing", about["screen"]), splits)
    clean = "clean of overlap" if about["overlap"] == "drop" else "overlapping pairs kept"
    if not confirm:
        sentence = f"every cell on {screen}, {clean}; nothing confirmed"
    elif any(stage.name == "screen" and stage.selects for stage in found):
        sentence = f"chosen on {choosing}; reported on {confirm}, {clean}"
    else:
        also = f", and screened on {screen}" if screen else ""
        sentence = f"every cell reported on {confirm}, {clean}{also}; none left out by a choice"
    return f"exploratory: nothing held out; {sentence}" if about["exploratory"] else sentence


def _tasks(names: Iterable[str], splits: Mapping[str, str]) -> str:
    """``stsb-dev (dev)``, ``sts12, sts13 (test)``."""
    by_split: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        by_split.setdefault(splits.get(name, "not run"), []).append(name)
    return ", ".join(f"{', '.join(tasks)} ({split})" for split, tasks in by_split.items())


def foot(results: RunRecord) -> tuple[str, ...]:
    """Where the time went, what came from the store, and why any score is absent."""
    about = results.about
    lines = [f"{status}: {reason}" for status, reason in _reasons(results).items()]
    lines += [f"no evidence, {reason}" for reason in about.get("statistics", {}).get("withheld", ())]
    if about.get("timings"):
        spent = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in about["timings"].items())
        lines.append(f"seconds: {spent}")
    counts = [f"{about[name]} {name}" for name in ("cached", "computed", "failed") if about.get(name) is not None]
    if counts:
        lines.append(f"cells: {', '.join(counts)}")
    if about.get("store"):
        lines.append(f"store: {about['store']}" + (f", run {about['run']}" if about.get("run") else ""))
    if about.get("command"):
        lines.append(f"command: {about['command']}")
    return tuple(lines)


def _reasons(results: RunRecord) -> dict[str, str]:
    """Each reason once: ``failed sts12 of head × align 10 % and 6 more`` -> the reason."""
    decide = "_clean" if results.about["overlap"] == "drop" else ""
    places: dict[tuple[str, str], list[str]] = {}
    for row in results.rows:
        name = f"score{decide}" if row["cell"] == "dense" else f"delta{decide}"
        if row["status"] != "ok" or row[name] is None:
            status = "undefined" if row["status"] == "ok" else row["status"]
            reason = row["reason"] or _why(row)
            model = f", {row['model']}" if len(results.about["models"]) > 1 else ""
            control = f" ({row['control']})" if row["control"] else ""
            places.setdefault((status, reason), []).append(f"{row['task']} of {row['cell']}{control}{model}")
    return {
        f"{status}, {where[0]}" + (f" and {len(where) - 1} more" if len(where) > 1 else ""): reason
        for (status, reason), where in places.items()
    }


def _why(row: Mapping[str, Any]) -> str:
    if row["status"] != "ok":
        return "no reason given"
    return _LIFTED if row["dense"] is not None else "the dense model has no score to set it against"
