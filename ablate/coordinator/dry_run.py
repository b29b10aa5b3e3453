"""``--dry-run``: the cells of a job, what is cached, what is shared, and how long the rest may take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from ablate.coordinator.forecast import Amount, Forecast, forecast
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.near_duplicates import near_duplicates
from ablate.coordinator.race_bounds import Bounds, bounds
from ablate.coordinator.role_prompts import role_prompts
from ablate.coordinator.run import prepare_model_run
from ablate.coordinator.speed import Speed
from ablate.coordinator.stages import controls_of, seen_by_choice
from ablate.data.own_records import described
from ablate.events import Event, Watch, silent
from ablate.plan.job import Job
from ablate.plan.manifest import model_names
from ablate.plan.plan import DENSE, Cell
from ablate.printable import number, visible
from ablate.store.store import Store
from ablate.tasks.base import Task
from ablate.timing import Timings


@dataclass(frozen=True)
class ModelPreview:
    """The preview of one model.

    planned: dense and the plan's cells.
    scores: how many distinct contributions the cells share. stored: how many of them are in the store.
    racing: how many sentences a raced screen encodes; None without racing.
    near: on near-duplicates of what calibrates or chooses.
    prompts: which prompts queries and documents get, and on which tasks; None if no task has texts with roles.
    draws: how many matched draws of screened and confirmed cells there are at most; 0 if they do not stop early.
    """

    model: str
    forecast: Forecast
    planned: tuple[Cell, ...]
    scores: int
    stored: int
    draws: int
    racing: Bounds | None
    prompts: str | None
    near: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What a run of a job would do, for each of its models."""

    job: Job
    models: list[ModelPreview]

    def render(self, console: Console) -> None:
        """Prints the preview."""
        source = self.job.chosen
        lines = [f"data: {source.source.label} ({source.why})", *self.job.tasks.notes]
        lines += [f"{task}: {what}" for task, what in described(self.job.tasks.parameters).items()]
        lines += [f"calibration on {name}: {task.scale()}" for name, task in self.job.tasks.calibrating.items()]
        lines += [line for model in self.models for line in self._lines(model)]
        if len(self.models) > 1:
            unknown = _and_unknown(any(model.forecast.unknown for model in self.models))
            lines.append(f"all models: about {_duration(sum(one.forecast.seconds for one in self.models))}{unknown}")
        # As one text: to lay out each of 100,000 lines takes longer than all look-ups.
        console.file.write("\n".join(map(visible, lines)) + "\n")

    @property
    def _dims(self) -> str:
        """What is added to the tasks where they are measured at several dimensions."""
        dims = self.job.recipe.truncate_dims
        return f", also at {', '.join(map(str, dims))} dimensions" if dims else ""

    def _lines(self, model: ModelPreview) -> Iterator[str]:
        tasks = self.job.tasks
        yield f"model: {model.model}"
        if model.prompts is not None:
            yield f"prompts: {model.prompts}"
        yield from model.near
        ahead = model.forecast
        for cell in model.planned:
            yield f"  {'cached ' if cell in ahead.cached else 'to do  '} {cell}"
        counts = f"{number(len(model.planned), 'cell')}, {len(ahead.cached)} cached"
        yield f"screen on {_names(tasks.screen)}{self._dims}: {counts}" if tasks.screen else f"no screen: {counts}"
        if model.racing is not None:
            least, most, unraced = model.racing
            yield f"racing: {least:,} to {most:,} sentences with an empty store, {unraced:,} without racing"
        shared = f"{number(model.scores, 'contribution')} shared by the cells, {model.stored} of them stored"
        passes = ", ".join(one.name for one in ahead.passes) or "none"
        yield f"{shared}; passes over the calibration set: {passes}"
        if ahead.swaps is not None:
            masks, on = number(ahead.swaps, "mask"), f"{_names(self.job.choosing)}, raced"
            yield f"swaps: at most {masks} scored on {on}; at most {_duration(ahead.swap_seconds)}"
        if self.job.texts is not None:
            yield f"trainings: at most {ahead.trainings}; about {_duration(ahead.training_seconds)}"
        yield from (str(one) for one in ahead.slow if one.trains)
        slow = f"; slow scorers, whose time is not estimated: {', '.join(ahead.unknown)}" if ahead.unknown else ""
        seconds = ahead.pass_seconds + ahead.scorer_seconds + ahead.screen_seconds
        yield f"estimate: {_duration(seconds)} {'to screen' if tasks.screen else 'to score units'}{slow}"
        if ahead.searches:
            masks = number(ahead.searches, "mask")
            yield f"random search: {masks} scored on dev; about {_duration(ahead.search_seconds)}"
        if model.draws:
            fewer = "none of cells no better than dense, fewer of settled ones (controls.stop_early)"
            yield f"matched draws: at most {model.draws}; {fewer}"
        if tasks.confirm:
            cells = number(ahead.confirmed, "cell")
            yield (
                f"then confirm on {_names(tasks.confirm)}{self._dims}: {cells}, dense and controls included, "
                f"{ahead.confirm_cached} cached; about {_duration(ahead.confirm_seconds)}"
            )
        if ahead.judged:
            cells = number(sum(one.cells for one in ahead.judged), "cell")
            yield f"statistics: {cells} compared with dense; about {_duration(ahead.judge_seconds)}"
        in_all = f"about {_duration(ahead.seconds)}{_and_unknown(bool(ahead.unknown))}"
        yield f"in all: {in_all}; {_basis(ahead.speed)}"


def preview(job: Job, store: Store, watch: Watch = silent) -> Preview:
    """Looks everything up, and runs only a probe of the encoder's speed, which takes about a second.

    Args:
        watch: told which model is loaded.
    """
    models = []
    for spec, name in zip(job.recipe.model, model_names(job.recipe.model), strict=True):
        watch(Event("load", name))
        models.append(_of_model(job, prepare_model_run(job, spec, store, Timings(), silent)))
    return Preview(job, models)


def _of_model(job: Job, model_run: ModelRun) -> ModelPreview:
    screen = job.load(job.tasks.screen, model_run.calibration.seen)
    confirm = job.load(job.tasks.confirm, seen_by_choice(job, model_run))
    near = near_duplicates(job, [*screen, *confirm])
    scores = _scores_keys(job, model_run)
    ahead = forecast(job, model_run, screen, confirm, Amount.of(model_run, screen), Amount.of(model_run, confirm))
    return ModelPreview(
        model=model_run.model.name,
        forecast=ahead,
        planned=(DENSE, *job.plan.cells),
        scores=len(scores),
        stored=len(model_run.store.scores_about(scores)),
        draws=_most_draws(job, ahead.picked),
        racing=bounds(job, screen, model_run.model) if job.recipe.evaluate.racing else None,
        prompts=role_prompts(model_run.model, [*screen, *confirm]),
        near=near.lines if near else (),
    )


def _scores_keys(job: Job, model_run: ModelRun) -> set[str]:
    """The keys of the dense model's contributions that the cells need."""
    parts = (part for cell in job.plan.cells if cell.steps for part in cell.steps[0].parts)
    return {key for part in parts for key in model_run.masks.scores.keys(part).values()}


def _most_draws(job: Job, picked: Sequence[Cell]) -> int:
    """The matched draws that there may be, of screened and confirmed cells; 0 if they do not stop early."""
    controls = job.recipe.controls
    if not controls.stop_early:
        return 0
    screened = job.plan.cells if job.tasks.screen else ()
    asked = ((screened, controls.screened), (picked, controls.matched))
    return sum(len(controls_of(cells, draws, False, controls.control_seed)) for cells, draws in asked)


def _names(tasks: Iterable[Task]) -> str:
    return ", ".join(task.name for task in tasks)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _and_unknown(is_any: bool) -> str:
    return ", and what is not estimated" if is_any else ""


def _basis(speed: Speed) -> str:
    """What an estimate follows from, and what it may be wrong by."""
    if speed.cells:
        return f"by the time of {number(speed.cells, 'cell')} in the store"
    busy = _load()
    return "by a probe" if busy is None else f"by a probe; {busy}"


def _load() -> str | None:
    """What is to be known if something else has used this machine, which makes a probe take longer."""
    # Windows has no load average.
    average = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    cores = os.cpu_count() or 1
    return f"the load of the last minute was {average:.1f} on {cores} cores" if average > cores / 2 else None
