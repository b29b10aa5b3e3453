"""What is still to be done of the run of one model, and how long that may take: for ``--dry-run`` and for progress."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablate.coordinator.model_run import ModelRun, scored_first
from ablate.coordinator.scorings import OfScorer, Scorings, of_scorers, scorings
from ablate.coordinator.searched import candidates, counted
from ablate.coordinator.speed import Speed, speed
from ablate.coordinator.stages import controls_of
from ablate.coordinator.tokens import BACKWARD, pass_tokens, task_tokens, training_tokens
from ablate.engine.passes import Pass, passes_of
from ablate.events import Event
from ablate.plan.choose import choose
from ablate.plan.job import Job
from ablate.plan.plan import DENSE, Cell
from ablate.plan.searched import most_masks, on_screen, tasks_looked_at
from ablate.recipe.schedule import steps_of
from ablate.tasks.base import WholeTask
from ablate.tasks.loaded import Loaded, at_dims


@dataclass(frozen=True)
class Amount:
    """What is encoded and judged for each cell of a stage.

    tokens: of the distinct texts of its tasks. items: of all tasks together, of those that are judged. tasks: how many.
    """

    tokens: float
    items: float
    tasks: int

    @classmethod
    def of(cls, model_run: ModelRun, tasks: Sequence[Loaded]) -> Amount:
        """That of tasks that are read."""
        items = sum(len(task.data) for task in tasks if not isinstance(task.task, WholeTask))
        return cls(task_tokens(model_run, tasks), items, len(tasks))


@dataclass(frozen=True)
class Judged:
    """The cells of a stage that are compared with dense, those that differ in their seeds as one."""

    stage: str
    cells: int
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What is still to be done, at most. Seconds are estimates.

    speed: what they follow from.
    cached: the cells of the plan, and dense, whose results on the screen tasks are stored. screened: how many others
        are evaluated there, with the controls of the screen.
    passes: over the calibration set, of all cells together.
    slow: what slow scorers do. scorers: of it, what has a known time. unknown: the labels of the others.
    trainings: how many cells are trained, with ``training_steps`` together.
    swaps: how many masks swaps score, without the cells whose masks are stored; None without swaps.
    searches: how many random masks are scored on dev, as rivals of the picked cells.
    picked: the cells to confirm. Which they are depends on scores, and their number does not.
    confirmed: how many cells are confirmed, dense and controls included. confirm_cached: how many of them are stored,
        as far as the confirm tasks are read.
    """

    speed: Speed
    cached: frozenset[Cell]
    screened: int
    screen_seconds: float
    passes: tuple[Pass, ...]
    pass_seconds: float
    slow: tuple[Scorings, ...]
    scorers: tuple[OfScorer, ...]
    unknown: tuple[str, ...]
    trainings: int
    training_steps: int
    training_seconds: float
    swaps: int | None
    swap_seconds: float
    searches: int
    search_seconds: float
    picked: tuple[Cell, ...]
    confirmed: int
    confirm_cached: int
    confirm_seconds: float
    judged: tuple[Judged, ...]

    @property
    def scorer_seconds(self) -> float:
        return sum(one.seconds for one in self.scorers)

    @property
    def judge_seconds(self) -> float:
        return sum(one.seconds for one in self.judged)

    @property
    def seconds(self) -> float:
        """Of the whole run, without the loading of the model and what is unknown."""
        return sum(seconds for *_, seconds in self._parts)

    def events(self) -> Iterator[Event]:
        """The forecast of each part of the run that has one."""
        for part, of, pieces, seconds in self._parts:
            if pieces:
                yield Event("forecast", "", pieces, part=part, seconds=seconds, of=of)

    @property
    def _parts(self) -> Iterator[tuple[str, str, int, float]]:
        yield "passes", "", len(self.passes), self.pass_seconds
        for scorer in self.scorers:
            yield "scores", scorer.scored, scorer.steps, scorer.seconds
        yield "swaps", "", self.swaps or 0, self.swap_seconds
        yield "train", "", self.training_steps, self.training_seconds
        yield "screen", "", self.screened, self.screen_seconds
        yield "search", "", self.searches, self.search_seconds
        yield "confirm", "", self.confirmed - self.confirm_cached, self.confirm_seconds
        for stage in self.judged:
            yield "statistics", stage.stage, stage.cells, stage.seconds


def forecast(
    job: Job,
    model_run: ModelRun,
    screen: Sequence[Loaded],
    confirm: Sequence[Loaded],
    on_screen: Amount,
    on_confirm: Amount,
) -> Forecast:
    """Looks everything up in the store. Where it has no results of the planned cells, the encoder is probed.

    Args:
        screen, confirm: the tasks that are read.
        on_screen, on_confirm: of all tasks, read or not.
    """
    planned = (DENSE, *job.plan.cells)
    # One encoding serves all dimensions, so that only what is stored depends on them.
    on = [{task.name for task in at_dims(tasks, job.recipe.truncate_dims)} for tasks in (screen, confirm)]
    found = model_run.found(planned, at_dims([*screen, *confirm], job.recipe.truncate_dims))
    cached, ready = ({cell for cell, of in found.items() if names and names <= of.keys()} for names in on)
    fast = speed(model_run, found.values(), screen or confirm)
    rate = fast.token
    to_do = [cell for cell in planned if cell not in cached]
    steps = steps_of(job.recipe.train, len(job.texts.examples)) if job.recipe.train and job.texts else 0
    passes = list(passes_of(model_run.masks.requests(scored_first(job.plan.cells)), model_run.calibration))
    picked = _picked(job) if job.tasks.confirm else ()
    masks = candidates(job, counted(job, model_run, picked, before=True))
    rivals = sum(len(searches) for searches in masks.values())
    confirmed = 1 + len(picked) + len(_controls_of(job, picked)) + rivals if job.tasks.confirm else 0
    ready |= model_run.stored(_controls_of(job, ready), at_dims(confirm, job.recipe.truncate_dims)) if ready else set()
    to_confirm = max(confirmed - len(ready), 0)
    # A train-then-prune cell has the weights of the trained dense model, which is a cell of its own.
    fits = [cell for cell in to_do if cell.training and cell.training.way != "train-then-prune"]
    slow = scorings(model_run.masks, scored_first(job.plan.cells))
    scorers, unknown = of_scorers(model_run, [step for one in slow for step in one.to_do], rate)
    drawn = _screen_draws(job, to_do) if screen else 0
    swaps = _most_swaps(model_run, job.plan.cells)
    screened = len(to_do) + drawn if screen else 0
    return Forecast(
        speed=fast,
        cached=frozenset(cached),
        screened=screened,
        screen_seconds=screened * rate * on_screen.tokens,
        passes=tuple(passes),
        pass_seconds=BACKWARD * rate * sum(pass_tokens(model_run, one) for one in passes),
        slow=tuple(slow),
        scorers=scorers,
        unknown=unknown,
        trainings=len(fits),
        training_steps=len(fits) * steps,
        training_seconds=len(fits) * BACKWARD * rate * training_tokens(job, model_run),
        swaps=swaps,
        swap_seconds=swaps * rate * task_tokens(model_run, job.load(job.choosing)) if swaps else 0.0,
        searches=sum(len(drawn) for searches in masks.values() for drawn in searches),
        search_seconds=rate * _search_tokens(job, model_run, masks),
        picked=picked,
        confirmed=confirmed,
        confirm_cached=confirmed - to_confirm,
        confirm_seconds=to_confirm * rate * on_confirm.tokens,
        judged=(
            *_judged(job, fast, "screen", [cell for cell in to_do if cell != DENSE], drawn, on_screen),
            *_judged(job, fast, "confirm", picked if to_confirm else (), confirmed - 1 - len(picked), on_confirm),
        ),
    )


def _judged(
    job: Job, fast: Speed, stage: str, cells: Sequence[Cell], controls: int, amount: Amount
) -> tuple[Judged, ...]:
    """The statistics of a stage; none where no time is known. controls: how many other masks are evaluated."""
    if fast.resampling is None or not cells or not amount.items:
        return ()
    each = fast.resampling
    # Of several tasks, the components of connected pairs are drawn too, without the controls.
    bootstraps = 1 + len(cells) + controls + (1 + len(cells) if amount.tasks > 1 else 0)
    draws = job.recipe.statistics.resamples * (1 + len(job.recipe.truncate_dims)) * amount.items
    seconds = draws * (bootstraps * each.bootstrap + len(cells) * each.swaps)
    return (Judged(stage, len({cell.seedless for cell in cells}), seconds),)


def _screen_draws(job: Job, cells: Sequence[Cell]) -> int:
    controls = job.recipe.controls
    return len(controls_of(cells, controls.screened, False, controls.control_seed))


def _picked(job: Job) -> tuple[Cell, ...]:
    """As many cells as will be confirmed. Unlike the choice itself, their number does not depend on the scores."""
    confirms = job.recipe.confirm
    if confirms is not None and confirms.cells == "all":
        return job.plan.cells
    # With equal gains for all cells, other cells may be chosen than in the run, but as many.
    return choose(job.plan, dict.fromkeys(job.plan.cells, 0.0))


def _controls_of(job: Job, cells: Iterable[Cell]) -> Collection[Cell]:
    """The controls of these cells where they are confirmed."""
    controls = job.recipe.controls
    return controls_of(list(cells), controls.matched, controls.flipped, controls.control_seed)


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
