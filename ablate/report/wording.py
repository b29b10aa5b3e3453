"""Formats the numbers and headings of tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ablate.data.names import plain_name
from ablate.judge.effects import Effect, Stage
from ablate.judge.group import Group
from ablate.record import Row, RunAbout, RunRecord, devices_note, precision_note

CLEAN = "Pairs that calibration or choice has seen are not counted."
"""The note of a table whose numbers are on the clean pairs."""

_SHOWN = {"missing": "–", "undefined": "undefined", "failed": "failed"}


def name(stage: Stage, results: RunRecord) -> str:
    """The heading of a stage's tables."""
    stages = {"screen": "Screen", "confirm": "Confirm"}
    about = results.about
    if about.exploratory and not (about.screen and about.confirm):
        return "Exploratory"
    return stages.get(stage.name, stage.name) + (" (exploratory)" if about.exploratory else "")


def delta(stage: Stage) -> str:
    """Describes the numbers in a stage's table: ``mean Δ on 7 tasks (test), points (spearman)``."""
    tasks = list(stage.splits)
    on = tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"
    mean = "mean Δ" if len(tasks) > 1 else "Δ"
    splits = ", ".join(dict.fromkeys(stage.splits.values()))
    return f"{mean} on {on} ({splits}), {measure(stage)}"


def measure(stage: Stage) -> str:
    """``points (spearman)``, with ``lower is better`` if it is."""
    lower = "" if stage.measure.higher_is_better else ", lower is better"
    return f"{stage.measure.unit} ({stage.measure.name}{lower})"


def notes(stage: Stage, groups: Sequence[Group]) -> tuple[str, ...]:
    """Sentences that explain Δ and ±."""
    places = stage.measure.places
    dense, full = (plain(stage.dense_score(clean), places) for clean in (stage.clean, False))
    dense = f"dense {dense}" + (f" (all pairs {full})" if full != dense else "")
    lines = [f"Δ = cell - dense; {dense}.", *seeds(groups, "± is the sample sd over")]
    if {stage.effect(group).status for group in groups} & {"undefined", "failed"}:
        lines.append("undefined, failed: a mean needs every task and seed; the reasons are below.")
    return tuple(lines)


def seeds(groups: Sequence[Group], what: str) -> tuple[str, ...]:
    """``± is the sample sd over 3 seeds.``, if any cell has several."""
    numbers = sorted({len(group.seeds) for group in groups if len(group.seeds) > 1})
    return (f"{what} {counts(numbers)} seeds.",) if numbers else ()


def counts(ascending: Sequence[int]) -> str:
    """``3``, or ``2–3`` if the numbers differ.

    Args:
        ascending: numbers in ascending order, at least one.
    """
    return str(ascending[0]) if ascending[0] == ascending[-1] else f"{ascending[0]}–{ascending[-1]}"


def plain(mean: Effect, places: int = 2) -> str:
    """A score, without a sign. places: digits after the point, here and below."""
    return _SHOWN[mean.status] if mean.value is None else f"{mean.value:.{places}f}"


def effect(mean: Effect, places: int = 2) -> str:
    """A signed delta, with ``± sd`` if there are several draws; ``–`` if nothing was run."""
    if mean.value is None:
        return _SHOWN[mean.status]
    return signed(mean.value, places) + ("" if mean.sd is None else f" ± {mean.sd:.{places}f}")


def signed(value: float, places: int = 2) -> str:
    """``+0.42``; zero has no sign."""
    # A small negative value would print as -0.00, which looks like a loss.
    text = f"{value:+.{places}f}"
    return text if float(text) else text[1:]


def shown(mean: Effect, places: int = 2) -> float:
    """The value as printed, so that effects that print the same have the same rank."""
    assert mean.value is not None
    return float(signed(mean.value, places))


def best(stage: Stage, effects: Sequence[Effect]) -> float | None:
    """The best printed value; None if there are fewer than two to compare."""
    values = [shown(effect, stage.measure.places) for effect in effects if effect.value is not None]
    if len(values) < 2:
        return None
    return max(values) if stage.measure.higher_is_better else min(values)


def rank(stage: Stage, effects: Sequence[Effect], ranked: Effect) -> str:
    """The rank of an effect, 1 = best. Effects that print the same share a rank. ``–`` without a value."""
    if ranked.value is None:
        return "–"
    places = stage.measure.places
    sign = stage.measure.sign
    values = [sign * shown(effect, places) for effect in effects if effect.value is not None]
    return str(1 + sum(value > sign * shown(ranked, places) for value in values))


def sparsity(value: float | str | None) -> str:
    """``12.5 %`` or ``negative``."""
    return f"{100 * value:.6g} %" if isinstance(value, int | float) else str(value)


def sparsity_order(value: float | str) -> tuple[bool, float]:
    """The key that sorts sparsities: ascending, with ``negative`` last."""
    return (False, float(value)) if isinstance(value, int | float) else (True, 0.0)


def score(row: Row | None, clean: bool, places: int = 2) -> str:
    """The score of a row, on the clean pairs or on all pairs."""
    if row is None:
        return "–"
    value = row.score_on(clean)
    if value is None:
        return "undefined" if row.status == "ok" else row.status
    return f"{value:.{places}f}"


def dropped(row: Row | None) -> str:
    """How many pairs of a task are left out because calibration or choice has seen them."""
    if row is None or row.n is None or row.n_clean is None:
        return "–"
    return str(row.n - row.n_clean)


def sizes(groups: Sequence[Group]) -> list[tuple[str, list[str]]]:
    """Columns on how much each cell removes, as means over its seeds. ``seconds`` is the sum over all of its rows."""
    return [
        ("achieved", [_percent(_mean(group, lambda row: row.sparsity_achieved)) for group in groups]),
        ("units removed", [_count(_mean(group, lambda row: row.units_removed)) for group in groups]),
        ("params removed", [_count(_mean(group, _params_removed)) for group in groups]),
        ("of params", [_percent(_share(group)) for group in groups]),
        ("seconds", [_seconds(group) for group in groups]),
    ]


def _mean(group: Group, number: Callable[[Row], float | None]) -> float | None:
    values = [value for row in group.rows() if (value := number(row)) is not None]
    return sum(values) / len(values) if values else None


def _params_removed(row: Row) -> float | None:
    return row.params_removed


def _share(group: Group) -> float | None:
    removed, total = _mean(group, _params_removed), _mean(group, lambda row: row.params_total)
    return removed / total if removed is not None and total else None


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    # Below 1 %, two significant digits, so that small shares do not print as 0.0 %.
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.01 else f"{100 * share:.2g} %"


def _count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _seconds(group: Group) -> str:
    values = [row.seconds for row in group.rows() if row.seconds is not None]
    return f"{sum(values):.1f}" if values else "–"


def computed(stage: Stage, about: RunAbout) -> tuple[str, ...]:
    """Sentences on the precision of a stage's scores if it is not float32, and on its devices if there are several."""
    rows = (
        *stage.dense.values(),
        *(row for group in stage.groups for row in group.rows()),
        *(
            row
            for group in stage.groups
            for draws in (group.matched, group.flipped)
            for by_task in draws.values()
            for row in by_task.values()
        ),
    )
    notes = devices_note(row.device for row in rows)
    if about.precision == "float32":
        return notes
    effects = (about.precision_effects or {}).get(stage.model, {})
    of_stage = {task: effect for task, effect in effects.items() if task in stage.splits}
    return (precision_note(about.precision, of_stage, stage.measure.unit), *notes)


def deviations(about: RunAbout, tasks: Collection[str]) -> tuple[str, ...]:
    """A sentence on each of these tasks whose data are not the published set."""
    return tuple(
        f"{task} is not the standard set: {deviation}. Its scores are not comparable with published ones."
        for task, deviation in (about.deviations or {}).items()
        if task in {plain_name(name) for name in tasks}
    )
