"""``--dry-run``: the cells of a job, what is cached, what is shared, and how long the rest may take."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from ablate.coordinator.model_run import ModelRun, scored_first
from ablate.coordinator.run import prepare_model_run
from ablate.coordinator.stages import controls_of
from ablate.engine.collect import Pass, passes_of
from ablate.events import silent
from ablate.models.encode import encode, prepare
from ablate.plan.choose import choose
from ablate.plan.job import Job
from ablate.plan.plan import DENSE, Cell
from ablate.recipe.schedule import steps_of
from ablate.store.store import Store
from ablate.tasks.base import Task
from ablate.tasks.loaded import Loaded
from ablate.timing import Timings

PROBE = 128
"""Sentences encoded to measure the encoder's speed."""

BACKWARD = 3
"""A gradient pass costs about this many forward passes over the same tokens."""


@dataclass(frozen=True)
class ModelPreview:
    """One model's part of a preview. ``cells``: each with whether the store has it on the screen tasks.

    passes: gradient and norm passes still to be made, for all cells together.
    scores: distinct contributions that the cells share; ``stored``: how many of them are in the store.
    seconds: an estimate for the screen stage.
    confirmed: cells of the confirm stage, dense and controls included; ``confirm_seconds``: an estimate for all.
    trainings: at most so many are still to be made; ``training_seconds``: an estimate for them.
    """

    model: str
    cells: list[tuple[Cell, bool]]
    passes: list[str]
    scores: int
    stored: int
    seconds: float
    confirmed: int
    confirm_seconds: float
    trainings: int = 0
    training_seconds: float = 0.0


@dataclass(frozen=True)
class Preview:
    job: Job
    models: list[ModelPreview]

    def render(self, console: Console) -> None:
        """Prints it."""
        source, tasks = self.job.chosen, self.job.tasks
        console.print(f"data: {escape(source.source.label)} ({escape(source.why)})")
        for model in self.models:
            console.print(f"model: {escape(model.model)}")
            for cell, cached in model.cells:
                console.print(f"  {'cached ' if cached else 'to do  '} {escape(str(cell))}")
            cached_count = sum(cached for _, cached in model.cells)
            console.print(f"screen on {_names(tasks.screen)}: {len(model.cells)} cells, {cached_count} cached")
            shared = f"{model.scores} contributions shared by the cells, {model.stored} of them stored"
            console.print(f"{shared}; passes over the calibration set: {', '.join(model.passes) or 'none'}")
            if self.job.texts is not None:
                console.print(f"trainings: at most {model.trainings}; about {_duration(model.training_seconds)}")
            console.print(f"estimate: {_duration(model.seconds)} to screen")
            if tasks.confirm:
                console.print(
                    f"then confirm on {_names(tasks.confirm)}: {model.confirmed} cells, dense and controls "
                    f"included; about {_duration(model.confirm_seconds)}, less what is cached"
                )


def preview(job: Job, store: Store) -> Preview:
    """Looks everything up and runs nothing but a second's probe of the encoder's speed."""
    return Preview(job, [_of(job, prepare_model_run(job, spec, store, Timings(), silent)) for spec in job.recipe.model])


def _of(job: Job, model_run: ModelRun) -> ModelPreview:
    tasks = job.load(job.tasks.screen, model_run.calibration.seen)
    confirms = job.load(job.tasks.confirm)
    cells = [(cell, bool(tasks) and model_run.stored(cell, tasks)) for cell in (DENSE, *job.plan.cells)]
    first_steps = dict.fromkeys(cell.steps[0] for cell in job.plan.cells if cell.steps)
    keys = {model_run.masks.scores_key(step) for step in first_steps}
    passes = list(passes_of(model_run.masks.requests(scored_first(job.plan.cells)), model_run.calibration))
    rate = _seconds_per_token(model_run, tasks or confirms)
    each = rate * model_run.evaluator.prepared(tasks)[1].tokens if tasks else 0.0
    calibrating = BACKWARD * rate * sum(_pass_tokens(model_run, passes))
    confirmed = _confirmed(job) if confirms else 0
    trained = [cell for cell, cached in cells if cell.training and not cached]
    fits = [cell for cell in trained if cell.training and cell.training.way != "train-then-prune"]
    return ModelPreview(
        model=model_run.model.name,
        cells=cells,
        passes=[one.name for one in passes],
        scores=len(keys),
        stored=sum(model_run.store.scores_about(key) is not None for key in keys),
        seconds=calibrating + each * sum(not cached for _, cached in cells),
        confirmed=confirmed,
        trainings=len(fits),
        training_seconds=len(fits) * _training_tokens(job, model_run) * BACKWARD * rate,
        confirm_seconds=confirmed * rate * model_run.evaluator.prepared(confirms)[1].tokens if confirms else 0.0,
    )


def _confirmed(job: Job) -> int:
    """How many cells will be confirmed: their number, unlike the cells, does not depend on the choice."""
    confirms, controls = job.recipe.confirm, job.recipe.controls
    everything = confirms is not None and confirms.cells == "all"
    cells = job.plan.cells if everything else choose(job.plan, dict.fromkeys(job.plan.cells, 0.0))
    return 1 + len(cells) + len(controls_of(cells, controls.matched, controls.flipped, controls.control_seed))


def _seconds_per_token(model_run: ModelRun, tasks: list[Loaded]) -> float:
    """Measured on the first sentences of the tasks, after one warm-up."""
    sentences = [s for task in tasks for s in task.data.sentences][:PROBE]
    prepared = prepare(model_run.model, sentences)
    encode(model_run.model, prepared)
    start = time.perf_counter()
    encode(model_run.model, prepared)
    return (time.perf_counter() - start) / max(prepared.tokens, 1)


def _pass_tokens(model_run: ModelRun, passes: list[Pass]) -> list[int]:
    pairs = [s for pair in model_run.calibration.pairs for s in pair]
    pools = {"pairs": pairs, "sentences": list(model_run.calibration.sentences)}
    counted = {over: prepare(model_run.model, pool).tokens / max(len(pool), 1) for over, pool in pools.items()}
    return [round(counted[one.over] * one.size * (2 if one.over == "pairs" else 1)) for one in passes]


def _training_tokens(job: Job, model_run: ModelRun) -> float:
    """Tokens of one training, by its first examples; what the looks at the screen tasks take is not counted."""
    if job.texts is None:
        return 0.0
    train, texts = job.recipe.train, job.texts
    assert train is not None
    some = texts.examples[:PROBE]
    each = sum(prepare(model_run.model, [example[i] for example in some]).tokens for i in range(len(some[0]))) / len(
        some
    )
    twins = 1 if texts.supervised else 2
    return steps_of(train, len(texts.examples)) * train.accumulate * train.batch_size * each * twins


def _names(tasks: Iterable[Task]) -> str:
    return ", ".join(task.name for task in tasks)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
