"""What is still to be done of the run of one model, and how long that may take: for ``--dry-run`` and for progress."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablate.coordinator.model_run import ModelRun, scored_first
from ablate.coordinator.scorer_trainings import ScorerTrainings, scorer_trainings
from ablate.coordinator.searched import candidates, counted
from ablate.coordinator.stages import controls_of
from ablate.coordinator.tokens import PROBE, learning_tokens, pass_tokens, task_tokens, training_tokens
from ablate.engine.passes import Pass, passes_of
from ablate.events import Event
from ablate.models.encode import encode, prepare
from ablate.models.precision import in_precision
from ablate.plan.choose import choose
from ablate.plan.job import Job
from ablate.plan.plan import DENSE, Cell
from ablate.plan.searched import most_masks, on_screen, tasks_looked_at
from ablate.recipe.schedule import steps_of
from ablate.tasks.loaded import Loaded, at_dims

BACKWARD = 3
"""A gradient pass takes about as long as this many forward passes over the same tokens."""


@dataclass(frozen=True)
class Forecast:
    """What is still to be done, at most. Seconds are estimates.

    cached: the cells of the plan, and dense, whose results on the screen tasks are stored. screened: how many are not.
    passes: over the calibration set, of all cells together.
    learned: the trainings of slow scorers.
    trainings: how many cells are trained, with ``training_steps`` together.
    swaps: how many masks swaps score, without the cells whose masks are stored; None without swaps.
    searches: how many random masks are scored on dev, as rivals of the picked cells.
    picked: the cells to confirm. Which they are depends on scores, and their number does not.
    confirmed: how many cells are confirmed, dense and controls included, whether stored or not.
    """

    cached: frozenset[Cell]
    screened: int
    screen_seconds: float
    passes: tuple[Pass, ...]
    pass_seconds: float
    learned: tuple[ScorerTrainings, ...]
    learn_seconds: float
    trainings: int
    training_steps: int
    training_seconds: float
    swaps: int | None
    swap_seconds: float
    searches: int
    search_seconds: float
    picked: tuple[Cell, ...]
    confirmed: int
    confirm_seconds: float

    def events(self) -> Iterator[Event]:
        """The forecast of each part of the run that has one."""
        updates = sum(one.updates for one in self.learned)
        for part, pieces, seconds in (
            ("passes", len(self.passes), self.pass_seconds),
            ("scores", updates, self.learn_seconds),
            ("swaps", self.swaps or 0, self.swap_seconds),
            ("train", self.training_steps, self.training_seconds),
            ("screen", self.screened, self.screen_seconds),
            ("search", self.searches, self.search_seconds),
            ("confirm", self.confirmed, self.confirm_seconds),
        ):
            if pieces:
                yield Event("forecast", "", pieces, part=part, seconds=seconds)


def forecast(
    job: Job,
    model_run: ModelRun,
    screen: Sequence[Loaded],
    screen_tokens: float,
    confirm_tokens: float,
    rate: float,
) -> Forecast:
    """Looks everything up in the store.

    Args:
        screen: the screen tasks that are read.
        screen_tokens, confirm_tokens: of all screen tasks, and of all confirm tasks.
        rate: the seconds that the model takes for a token.
    """
    planned = (DENSE, *job.plan.cells)
    # One encoding serves all dimensions, so that only what is stored depends on them.
    cached = model_run.stored(planned, at_dims(list(screen), job.recipe.truncate_dims)) if screen else set()
    to_do = [cell for cell in planned if cell not in cached]
    steps = steps_of(job.recipe.train, len(job.texts.examples)) if job.recipe.train and job.texts else 0
    passes = list(passes_of(model_run.masks.requests(scored_first(job.plan.cells)), model_run.calibration))
    picked = _picked(job) if job.tasks.confirm else ()
    masks = candidates(job, counted(job, model_run, picked, before=True))
    rivals = sum(len(searches) for searches in masks.values())
    confirmed = 1 + len(picked) + _controls(job, picked) + rivals if job.tasks.confirm else 0
    # A train-then-prune cell has the weights of the trained dense model, which is a cell of its own.
    fits = [cell for cell in to_do if cell.training and cell.training.way != "train-then-prune"]
    learned = scorer_trainings(model_run.masks, scored_first(job.plan.cells))
    swaps = _most_swaps(model_run, job.plan.cells)
    return Forecast(
        cached=frozenset(cached),
        screened=len(to_do) if screen else 0,
        screen_seconds=len(to_do) * rate * screen_tokens,
        passes=tuple(passes),
        pass_seconds=BACKWARD * rate * sum(pass_tokens(model_run, one) for one in passes),
        learned=tuple(learned),
        learn_seconds=BACKWARD * rate * sum(learning_tokens(model_run, step) for one in learned for step in one.to_do),
        trainings=len(fits),
        training_steps=len(fits) * steps,
        training_seconds=len(fits) * BACKWARD * rate * training_tokens(job, model_run),
        swaps=swaps,
        swap_seconds=swaps * rate * task_tokens(model_run, job.load(job.choosing)) if swaps else 0.0,
        searches=sum(len(drawn) for searches in masks.values() for drawn in searches),
        search_seconds=rate * _search_tokens(job, model_run, masks),
        picked=picked,
        confirmed=confirmed,
        confirm_seconds=confirmed * rate * confirm_tokens,
    )


def seconds_per_token(model_run: ModelRun, tasks: Sequence[Loaded]) -> float:
    """The seconds per token, measured on the first sentences of the tasks after one warm-up."""
    sentences = [s for task in tasks for s in task.data.sentences][:PROBE]
    prepared = prepare(model_run.model, sentences)
    with in_precision(model_run.model, model_run.precision):
        encode(model_run.model, prepared)
        start = time.perf_counter()
        encode(model_run.model, prepared)
        return (time.perf_counter() - start) / max(prepared.tokens, 1)


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


def _most_swaps(model_run: ModelRun, cells: Sequence[Cell]) -> int | None:
    """How many masks swaps score at most, of the cells whose masks are still to be made; None without swaps."""
    searching = [cell for cell in cells if cell.searches]
    layers_of = model_run.masks.scores.layers_of
    to_do = model_run.masks.missing(searching)
    return sum(most_masks(cell, lambda g: layers_of(g).numpy()) for cell in to_do) if searching else None


def _search_tokens(job: Job, model_run: ModelRun, masks: Mapping[Cell, Sequence[Sequence[Cell]]]) -> int:
    """The tokens of all random searches. masks: of each search, by the cell that it is a rival of."""
    searched = {cell: sum(map(len, searches)) for cell, searches in masks.items() if searches}
    chosen = [cell for cell in searched if on_screen(job.plan, cell)]
    tokens = task_tokens(model_run, job.load(job.choosing)) if chosen else 0
    total = tokens * sum(searched[cell] for cell in chosen)
    for cell in searched.keys() - set(chosen):
        tasks = [task for name in tasks_looked_at(cell) for task in model_run.masks.tasks[name]]
        total += searched[cell] * task_tokens(model_run, tasks)
    return total
