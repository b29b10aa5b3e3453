"""The two stages of a run: every cell is screened, then the chosen ones are confirmed with their controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from ablate.coordinator.fit_to_choose import find_unfit
from ablate.coordinator.looks import sentences
from ablate.coordinator.model_run import ModelRun
from ablate.coordinator.near_duplicates import near_duplicates
from ablate.coordinator.race import Raced, race
from ablate.coordinator.read_tasks import read_tasks
from ablate.coordinator.role_prompts import role_prompts
from ablate.coordinator.rounds import InRounds
from ablate.coordinator.rows import Shared, make_rows, short
from ablate.coordinator.searched import Searched, counted, search
from ablate.coordinator.stopped import stopped_rows
from ablate.data.items import PairKey
from ablate.events import Event
from ablate.models.model import Model
from ablate.plan.choose import choose, mean_gains
from ablate.plan.job import Job
from ablate.plan.plan import Cell
from ablate.record import NearDuplicates, Racing, Row
from ablate.tasks.loaded import Loaded, at_dims, panel_of

NO_SEARCH = Searched({}, {})


@dataclass(frozen=True)
class StageRows:
    """One finished stage of one model.

    panels: task -> the key of its panel. deviations: task -> how its data differ from the published set, where they do.
    precision_effects: see :meth:`ModelRun.precision_effects`.
    cached, computed, failed: how many cells came completely from the store, were evaluated, and failed.
    draws_made, draws_asked: of all cells whose matched draws may stop early.
    racing: what racing has spared, if the stage was raced. near: None where near-duplicates were not looked for.
    unfit: screen task -> why it did not choose.
    """

    model: str
    name: str
    rows: list[Row]
    panels: dict[str, str]
    deviations: dict[str, str]
    precision_effects: dict[str, float] | None
    cached: int
    computed: int
    failed: int
    draws_made: int | None = None
    draws_asked: int | None = None
    racing: Racing | None = None
    near: NearDuplicates | None = None
    unfit: dict[str, str] = field(default_factory=dict)


def screen(job: Job, model_run: ModelRun, run: str) -> StageRows:
    """Evaluates every cell of the plan on the screen tasks.

    Raises:
        DataError: none of them can choose, and cells are to be chosen.
    """
    seen, cells = _seen(job, model_run), len(job.plan.cells)
    tasks = read_tasks(job, model_run.store, run, job.tasks.screen, seen, cells, faults=True)
    _tell(job, model_run, tasks)
    fitness = find_unfit(job, model_run, tasks)
    model_run.unfit = fitness.unfit
    tasks = at_dims(tasks, job.recipe.truncate_dims)
    raced = race(job, model_run, tasks) if job.recipe.evaluate.racing else None
    left = [cell for cell in job.plan.cells if raced is None or cell not in raced.stopped]
    stage = _stage(job, model_run, "screen", tasks, left, job.recipe.controls.screened, False)
    if raced is not None:
        stage = _with_stopped(job, model_run, stage, tasks, raced)
    return replace(_with_worked(stage, fitness.worked), unfit=dict(fitness.unfit))


def _with_worked(stage: StageRows, worked: Collection[str]) -> StageRows:
    """The stage, in which rows with these keys, which this run evaluated earlier, do not count as cached."""
    again = len({row.key for row in stage.rows if row.cached and row.key in worked})
    rows = [replace(row, cached=row.cached and row.key not in worked) for row in stage.rows]
    return replace(stage, rows=rows, cached=stage.cached - again, computed=stage.computed + again)


def _with_stopped(job: Job, model_run: ModelRun, stage: StageRows, tasks: Sequence[Loaded], raced: Raced) -> StageRows:
    """The stage of the cells that did not stop, with the rows of the stopped ones in the plan's order."""
    shared, key = shared_fields(job, model_run, "screen", False), model_run.masks.key
    stage = _with_worked(stage, {short(key) for key in raced.worked})
    rows = list(stage.rows)
    of_stopped = {cell: stopped_rows(shared, tasks, one, model_run.reason) for cell, one in raced.stopped.items()}
    # Cells may share a key: of several explicit or grid cells alike, all have stopped or none.
    place = {short(key(cell)): number for number, cell in enumerate(job.plan.cells)}
    rows += [row for of_cell in of_stopped.values() for row in of_cell]
    # `sorted` keeps the order of tasks within a cell; dense is first, and controls, which the plan lacks, are last.
    rows.sort(key=lambda row: -1 if row.cell == "dense" else len(place) if row.control else place[row.key])
    fresh = sum(not one.outcome.cached for one in raced.stopped.values())
    return replace(
        stage,
        rows=rows,
        cached=stage.cached + len(raced.stopped) - fresh,
        computed=stage.computed + fresh,
        racing=_counted(job, tasks, raced, stage.draws_made, model_run.model),
    )


def _counted(job: Job, tasks: Sequence[Loaded], raced: Raced, drawn: int | None, model: Model) -> Racing:
    """What the race has spared. drawn: how many matched draws were made, if they may stop early."""
    controls = job.recipe.controls
    cells = job.plan.cells
    left = [cell for cell in cells if cell not in raced.stopped]
    draws = [len(controls_of(some, controls.screened, False, controls.control_seed)) for some in (left, cells)]
    if drawn is not None:
        # What stopping draws early has saved, racing has not. The cells that stopped might have had all of theirs.
        draws = [drawn, drawn + draws[1] - draws[0]]
    every = sentences(tasks, model)
    # Cells without a rival are evaluated as ever, and so is dense.
    alone = len(cells) - raced.cells
    return Racing(
        cells=len(cells),
        whole=len(left),
        encoded=raced.encoded + (1 + alone + draws[0]) * every,
        without=(1 + len(cells) + draws[1]) * every,
    )


def pick(job: Job, model_run: ModelRun, screened: Sequence[Row]) -> tuple[Cell, ...]:
    """The cells to confirm, chosen only by the rows of the screen stage."""
    plan, confirms = job.plan, job.recipe.confirm
    if confirms is None or confirms.cells == "all":
        return plan.cells
    choosing = {task.name for task in job.choosing} - set(model_run.unfit)
    means = mean_gains([row for row in screened if row.task in choosing], job.recipe.overlap == "drop")
    keys = {cell: short(model_run.masks.key(cell)) for cell in plan.cells}
    picked = choose(plan, {cell: means[key] for cell, key in keys.items() if key in means})
    for rivals in dict.fromkeys(c.rivals for c in plan.grid if c.rivals):
        if rivals not in {cell.rivals for cell in picked}:
            label, granularity, *way = rivals
            why = "none of its cells has a Δ on every screen task"
            model_run.watch(Event("note", f"nothing to confirm of {' '.join([granularity, label, *way])}: {why}"))
    return picked


def search_at_random(job: Job, model_run: ModelRun, run: str, picked: Sequence[Cell]) -> Searched:
    """How many evaluations on dev found each picked cell, and the rivals that random search found with as many."""
    shared = shared_fields(job, model_run, "search", False)
    return search(job, model_run, run, picked, shared, _seen(job, model_run))


def confirm(job: Job, model_run: ModelRun, run: str, picked: Sequence[Cell], searched: Searched) -> StageRows:
    """Evaluates the picked cells and their controls on the confirm tasks. Pairs that were seen before are not clean."""
    seen = seen_by_choice(job, model_run)
    tasks = read_tasks(job, model_run.store, run, job.tasks.confirm, seen, len(picked), faults=True)
    _tell(job, model_run, tasks)
    tasks = at_dims(tasks, job.recipe.truncate_dims)
    controls = job.recipe.controls
    return _stage(job, model_run, "confirm", tasks, picked, controls.matched, controls.flipped, searched)


def _tell(job: Job, model_run: ModelRun, tasks: Sequence[Loaded]) -> None:
    """What is to be known of the tasks before cells are evaluated on them."""
    if prompts := role_prompts(model_run.model, tasks):
        model_run.watch(Event("note", f"model '{model_run.model.name}': {prompts}"))
    found = near_duplicates(job, tasks)
    for line in found.lines if found else ():
        model_run.watch(Event("note", line))


def _seen(job: Job, model_run: ModelRun) -> frozenset[PairKey]:
    """The pairs that calibration and training have looked at."""
    return model_run.calibration.seen | (job.texts.seen if job.texts else frozenset())


def seen_by_choice(job: Job, model_run: ModelRun) -> frozenset[PairKey]:
    """The pairs that calibration, training, scorers and choice have looked at, which must not also report."""
    tasks = (*job.load(job.choosing, faults=True), *chain(*model_run.masks.tasks.values()))
    return _seen(job, model_run).union(*(task.data.pairs_seen() for task in tasks))


def with_choice(stage: StageRows, keys: Collection[str]) -> StageRows:
    """The stage, in which the rows of the cells with these keys, and no others, are marked as chosen."""
    chosen = {short(key) for key in keys}
    return replace(stage, rows=[replace(row, chosen=row.key in chosen) for row in stage.rows])


def _stage(
    job: Job,
    model_run: ModelRun,
    name: str,
    tasks: list[Loaded],
    cells: Sequence[Cell],
    matched: int,
    flipped: bool,
    searched: Searched = NO_SEARCH,
) -> StageRows:
    distinct = tuple(dict.fromkeys(cells))
    cell_of = controls_of(distinct, matched, flipped, job.recipe.controls.control_seed) | dict(searched.rivals)
    shared = shared_fields(job, model_run, name, name == "confirm")
    stops = job.recipe.controls.stop_early and matched > 0
    if stops:
        dense, *outcomes = InRounds(job, model_run, shared, tasks, matched, cell_of).outcomes(distinct)
    else:
        dense, *outcomes = model_run.outcomes(name, [*distinct, *cell_of], tasks)
    key = model_run.masks.key
    controls = {key(control): key(cell) for control, cell in cell_of.items()}
    rows = make_rows(shared, tasks, dense, outcomes, controls, model_run.reason)
    # Known only now, because a search of a mask ends when it finds nothing better.
    counts = counted(job, model_run, [cell for cell in distinct if cell.searches]) | dict(searched.evaluations)
    of_search = {short(key(cell)): count for cell, count in counts.items()}
    of_search |= {short(key(rival)): searched.evaluations[cell] for rival, cell in searched.rivals.items()}
    if of_search:
        rows = [replace(row, evaluations=of_search.get(row.key)) for row in rows]
    # Cells without any draw too: none is made of those that are no better than dense.
    made = Counter({cell: 0 for control, cell in cell_of.items() if control.control == "matched"})
    made.update(cell_of[outcome.cell] for outcome in outcomes if outcome.cell.control == "matched")
    if stops:
        of_cell = {short(key(cell)): count for cell, count in made.items()}
        rows = [_with_draws(row, of_cell, matched) for row in rows]
    failures = {row.key for row in rows if row.status == "failed"}
    with_dense = [dense, *outcomes]
    failed, cached = len(failures), sum(o.cached for o in with_dense if short(o.key) not in failures)
    panels = {task.name: model_run.store.put_panel(panel_of(task)) for task in tasks}
    deviations = {task.task.name: task.data.deviation for task in tasks if task.data.deviation}
    effects = model_run.precision_effects(name, tasks)
    computed = len(with_dense) - cached - failed
    draws = (made.total(), matched * len(made)) if stops else (None, None)
    stage = StageRows(shared.model, name, rows, panels, deviations, effects, cached, computed, failed, *draws)
    return replace(stage, near=near_duplicates(job, tasks))


def _with_draws(row: Row, made: Mapping[str, int], asked: int) -> Row:
    """The row; that of a cell with draws says how many were made, if any, of how many."""
    of_cell = made.get(row.key) if row.control is None else None
    return row if of_cell is None else replace(row, draws_made=of_cell, draws_asked=asked)


def shared_fields(job: Job, model_run: ModelRun, stage: str, chosen: bool) -> Shared:
    """What all rows of a stage have in common."""
    parameters = sum(parameter.numel() for parameter in model_run.model.backbone.parameters())
    return Shared(model_run.model.name, job.chosen.source.label, parameters, stage, chosen)


def controls_of(cells: Sequence[Cell], matched: int, flipped: bool, seed: int) -> dict[Cell, Cell]:
    """Control -> the cell that it belongs to.

    Cells of a seeded scorer have no controls, as they are controls themselves. Trained cells are compared with the
    trained dense model, since each of their draws would have to be trained.
    """
    cell_of = {}
    for cell in cells:
        if cell.training or any(step.scorer.seeded for step in cell.steps):
            continue
        for draw in range(seed, seed + matched):
            cell_of[cell.as_control("matched", draw)] = cell
        if flipped:
            cell_of[cell.as_control("flipped")] = cell
    return cell_of
