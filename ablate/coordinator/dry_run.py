"""``--dry-run``: the cells of a job, what is cached, what is shared, and how long the rest may take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from ablate.coordinator.model_run import ModelRun, scored_first
from ablate.coordinator.near_duplicates import near_duplicates
from ablate.coordinator.race_bounds import Bounds, bounds
from ablate.coordinator.role_prompts import role_prompts
from ablate.coordinator.run import prepare_model_run
from ablate.coordinator.scorer_trainings import ScorerTrainings, scorer_trainings
from ablate.coordinator.searched import candidates, counted
from ablate.coordinator.stages import controls_of, seen_by_choice
from ablate.coordinator.tokens import PROBE, learning_tokens, pass_tokens, training_tokens
from ablate.data.own_records import described
from ablate.engine.passes import passes_of
from ablate.events import silent
from ablate.models.encode import encode, prepare
from ablate.models.precision import in_precision
from ablate.plan.choose import choose
from ablate.plan.job import Job
from ablate.plan.plan import DENSE, Cell
from ablate.plan.searched import most_masks, on_screen, tasks_looked_at
from ablate.printable import visible
from ablate.store.store import Store
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded, at_dims
from ablate.timing import Timings

BACKWARD = 3
"""A gradient pass takes about as long as this many forward passes over the same tokens."""


@dataclass(frozen=True)
class ModelPreview:
    """The preview of one model. Seconds are estimates.

    cells: dense and the plan's cells, each with whether the store has its results on the screen tasks.
    passes: names of the passes over the calibration set that are still to be made, for all cells together.
    scores: how many distinct contributions the cells share. stored: how many of them are in the store.
    seconds: for the screen stage, without what is cached.
    confirmed: how many cells are confirmed, dense and controls included. confirm_seconds: for all of them.
    searches: how many random masks are scored on dev, as rivals of the picked cells. search_seconds: for all of them.
    racing: how many sentences a raced screen encodes; None without racing.
    swaps: how many masks swaps score at most, without the cells whose masks are stored; None without swaps.
        swap_seconds: for all of them, if none stops.
    trainings: how many trainings there are at most. training_seconds: for all of them.
    slow: labels of the slow scorers whose time is not known.
    learned: the trainings of the other slow scorers, whose time is in ``seconds``.
    near: on near-duplicates of what calibrates or chooses.
    prompts: which prompts queries and documents get, and on which tasks; None if no task has texts with roles.
    draws: how many matched draws of screened and confirmed cells there are at most; 0 if they do not stop early.
    """

    model: str
    cells: list[tuple[Cell, bool]]
    passes: list[str]
    scores: int
    stored: int
    seconds: float
    confirmed: int
    confirm_seconds: float
    searches: int
    search_seconds: float
    trainings: int
    training_seconds: float
    draws: int = 0
    racing: Bounds | None = None
    swaps: int | None = None
    swap_seconds: float = 0.0
    slow: tuple[str, ...] = ()
    learned: tuple[ScorerTrainings, ...] = ()
    prompts: str | None = None
    near: tuple[str, ...] = ()


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
        for cell, cached in model.cells:
            yield f"  {'cached ' if cached else 'to do  '} {cell}"
        cached_count = sum(cached for _, cached in model.cells)
        yield f"screen on {_names(tasks.screen)}{self._dims}: {len(model.cells)} cells, {cached_count} cached"
        if model.racing is not None:
            least, most, unraced = model.racing
            yield f"racing: {least:,} to {most:,} sentences with an empty store, {unraced:,} without racing"
        shared = f"{model.scores} contributions shared by the cells, {model.stored} of them stored"
        yield f"{shared}; passes over the calibration set: {', '.join(model.passes) or 'none'}"
        if model.swaps is not None:
            on = f"{_names(self.job.choosing)}, raced"
            yield f"swaps: at most {model.swaps} masks scored on {on}; at most {_duration(model.swap_seconds)}"
        if self.job.texts is not None:
            yield f"trainings: at most {model.trainings}; about {_duration(model.training_seconds)}"
        yield from map(str, model.learned)
        slow = f"; slow scorers, whose time is not estimated: {', '.join(model.slow)}" if model.slow else ""
        yield f"estimate: {_duration(model.seconds)} to screen{slow}"
        if model.searches:
            yield f"random search: {model.searches} masks scored on dev; about {_duration(model.search_seconds)}"
        if model.draws:
            fewer = "none of cells no better than dense, fewer of settled ones (controls.stop_early)"
            yield f"matched draws: at most {model.draws}; {fewer}"
        if tasks.confirm:
            yield (
                f"then confirm on {_names(tasks.confirm)}{self._dims}: {model.confirmed} cells, dense and controls "
                f"included; about {_duration(model.confirm_seconds)}, less what is cached"
            )


def preview(job: Job, store: Store) -> Preview:
    """Looks everything up, and runs only a probe of the encoder's speed, which takes about a second."""
    runs = (prepare_model_run(job, spec, store, Timings(), silent) for spec in job.recipe.model)
    return Preview(job, [_of_model(job, model_run) for model_run in runs])


def _of_model(job: Job, model_run: ModelRun) -> ModelPreview:
    screen = job.load(job.tasks.screen, model_run.calibration.seen)
    confirm = job.load(job.tasks.confirm, seen_by_choice(job, model_run))
    near = near_duplicates(job, [*screen, *confirm])
    planned = (DENSE, *job.plan.cells)
    # One encoding serves all dimensions, so that only what is stored depends on them.
    cached = model_run.stored(planned, at_dims(screen, job.recipe.truncate_dims)) if screen else set()
    to_do = [cell for cell in planned if cell not in cached]
    scores = _scores_keys(job, model_run)
    passes = list(passes_of(model_run.masks.requests(scored_first(job.plan.cells)), model_run.calibration))
    picked = _picked(job) if confirm else ()
    masks = candidates(job, counted(job, model_run, picked, before=True))
    rivals = sum(len(searches) for searches in masks.values())
    confirmed = 1 + len(picked) + _controls(job, picked) + rivals if confirm else 0
    # A train-then-prune cell has the weights of the trained dense model, which is a cell of its own.
    fits = [cell for cell in to_do if cell.training and cell.training.way != "train-then-prune"]
    rate = _seconds_per_token(model_run, screen or confirm)
    collecting = BACKWARD * rate * sum(pass_tokens(model_run, one) for one in passes)
    learned = scorer_trainings(model_run.masks, scored_first(job.plan.cells))
    learning = BACKWARD * rate * sum(learning_tokens(model_run, step) for one in learned for step in one.to_do)
    swaps = _most_swaps(model_run, job.plan.cells)
    return ModelPreview(
        model=model_run.model.name,
        cells=[(cell, cell in cached) for cell in planned],
        passes=[one.name for one in passes],
        scores=len(scores),
        stored=len(model_run.store.scores_about(scores)),
        seconds=collecting + learning + len(to_do) * rate * _task_tokens(model_run, screen),
        confirmed=confirmed,
        confirm_seconds=confirmed * rate * _task_tokens(model_run, confirm),
        searches=sum(len(drawn) for searches in masks.values() for drawn in searches),
        search_seconds=rate * _search_tokens(job, model_run, masks),
        trainings=len(fits),
        training_seconds=len(fits) * BACKWARD * rate * training_tokens(job, model_run),
        draws=_most_draws(job, picked),
        racing=bounds(job, screen, model_run.model) if job.recipe.evaluate.racing else None,
        swaps=swaps,
        slow=_slow(model_run, job.plan.cells),
        learned=tuple(learned),
        prompts=role_prompts(model_run.model, [*screen, *confirm]),
        near=near.lines if near else (),
        swap_seconds=swaps * rate * _task_tokens(model_run, job.load(job.choosing)) if swaps else 0.0,
    )


def _scores_keys(job: Job, model_run: ModelRun) -> set[str]:
    """The keys of the dense model's contributions that the cells need."""
    parts = (part for cell in job.plan.cells if cell.steps for part in cell.steps[0].parts)
    return {key for part in parts for key in model_run.masks.scores.keys(part).values()}


def _picked(job: Job) -> tuple[Cell, ...]:
    """As many cells as will be confirmed. Unlike the choice itself, their number does not depend on the scores."""
    confirms = job.recipe.confirm
    if confirms is not None and confirms.cells == "all":
        return job.plan.cells
    # With equal gains for all cells, other cells may be chosen than in the run, but as many.
    return choose(job.plan, dict.fromkeys(job.plan.cells, 0.0))


def _controls(job: Job, picked: Sequence[Cell]) -> int:
    controls = job.recipe.controls
    return len(controls_of(picked, controls.matched, controls.flipped, controls.control_seed))


def _most_draws(job: Job, picked: Sequence[Cell]) -> int:
    """The matched draws that there may be, of screened and confirmed cells; 0 if they do not stop early."""
    controls = job.recipe.controls
    if not controls.stop_early:
        return 0
    screened = job.plan.cells if job.tasks.screen else ()
    asked = ((screened, controls.screened), (picked, controls.matched))
    return sum(len(controls_of(cells, draws, False, controls.control_seed)) for cells, draws in asked)


def _most_swaps(model_run: ModelRun, cells: Sequence[Cell]) -> int | None:
    """How many masks swaps score at most, of the cells whose masks are still to be made; None without swaps."""
    searching = [cell for cell in cells if cell.searches]
    layers_of = model_run.masks.scores.layers_of
    to_do = model_run.masks.missing(searching)
    return sum(most_masks(cell, lambda g: layers_of(g).numpy()) for cell in to_do) if searching else None


def _slow(model_run: ModelRun, cells: Sequence[Cell]) -> tuple[str, ...]:
    """The slow scorers without trainings that masks need which are still to be made, by their labels in tables."""
    missing = [cell for cell in cells if cell.steps and any(step.scorer.slow for step in cell.steps)]
    steps = [(number, step) for cell in model_run.masks.missing(missing) for number, step in enumerate(cell.steps)]
    # Only contributions to the dense model can be looked up before the run.
    stored = {step for number, step in steps if number == 0 and step.steps == 1}
    stored -= {step for step in stored if model_run.masks.scores.lacking(step.parts)}
    unknown = [step for _, step in steps if step.scorer.slow and not step.scorer.trains and step not in stored]
    return tuple(dict.fromkeys(step.label for step in unknown))


def _search_tokens(job: Job, model_run: ModelRun, masks: Mapping[Cell, Sequence[Sequence[Cell]]]) -> int:
    """The tokens of all random searches. masks: of each search, by the cell that it is a rival of."""
    searched = {cell: sum(map(len, searches)) for cell, searches in masks.items() if searches}
    chosen = [cell for cell in searched if on_screen(job.plan, cell)]
    tokens = _task_tokens(model_run, job.load(job.choosing)) if chosen else 0
    total = tokens * sum(searched[cell] for cell in chosen)
    for cell in searched.keys() - set(chosen):
        tasks = [task for name in tasks_looked_at(cell) for task in model_run.masks.tasks[name]]
        total += searched[cell] * _task_tokens(model_run, tasks)
    return total


def _seconds_per_token(model_run: ModelRun, tasks: list[Loaded]) -> float:
    """The seconds per token, measured on the first sentences of the tasks after one warm-up."""
    sentences = [s for task in tasks for s in task.data.sentences][:PROBE]
    prepared = prepare(model_run.model, sentences)
    with in_precision(model_run.model, model_run.precision):
        encode(model_run.model, prepared)
        start = time.perf_counter()
        encode(model_run.model, prepared)
        return (time.perf_counter() - start) / max(prepared.tokens, 1)


def _task_tokens(model_run: ModelRun, tasks: list[Loaded]) -> int:
    return model_run.evaluator.prepared(tasks)[1].tokens if tasks else 0


def _names(tasks: Iterable[Task]) -> str:
    return ", ".join(task.name for task in tasks)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
