"""The figures of a run for a notebook: ``results.plot.sparsity()``, ``.intervals()``, ``.heads()``, ``.plane()``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from ablate.errors import AblateError, suggest
from ablate.judge.effects import Stage, stages
from ablate.record import RunRecord
from ablate.report import wording
from ablate.report.curves import curves
from ablate.report.figures.curves import curves_figure
from ablate.report.figures.figure import Figure
from ablate.report.figures.intervals import forests, intervals_figure
from ablate.report.figures.maps import WIDEST, maps_figure, of_record
from ablate.report.figures.over_models import best_figure, depth_figure
from ablate.report.figures.plane import plane_figure
from ablate.report.figures.tasks import tasks_figure
from ablate.report.plane import ALIGN, UNIFORM


@dataclass(frozen=True, repr=False)
class Plots:
    """The figures of a run, which are those of its report. Each call returns a new :class:`Figure`.

    A notebook shows it if a cell ends with it. ``figure.chart`` is the Altair chart, and ``figure.save("curves.svg")``
    writes it (also .png, .pdf, .html and .json).

    ``model`` may be left out if the run has one model; where it is left out, ``sparsity``, ``intervals`` and ``tasks``
    draw all models on one scale. ``stage`` is ``screen`` or ``confirm``; by default the confirmation if that can be
    drawn, else the screen. ``caption`` is whether to explain the figure below its title.

    Raises:
        AblateError: the run lacks what the figure needs (the message says how to get it), or there is no such model,
            stage or task.
    """

    results: RunRecord

    def __repr__(self) -> str:
        return "<figures: sparsity(), intervals(), tasks(), models(), heads(), plane()>"

    def sparsity(
        self,
        tasks: str | Sequence[str] | None = None,
        *,
        model: str | None = None,
        stage: str | None = None,
        caption: bool = True,
    ) -> Figure:
        """The change of the score as more units are removed: a panel for each granularity, a curve for each scorer.

        Args:
            tasks: draw the mean over these tasks, by default over all tasks of the stage. Scores are preferred to
                losses. There are intervals for one task and for all tasks, and none for a part of them.
        """
        candidates = self._stages(model, stage)
        if tasks is not None:
            candidates = _on(
                candidates, [name.strip() for name in tasks.split(",")] if isinstance(tasks, str) else list(tasks)
            )
        drawn = _preferred([candidate for candidate in candidates if curves(candidate)])
        if not drawn:
            raise AblateError(_no_curve(candidates, stage))
        title = f"Sparsity curves of {_models(drawn)}, {drawn[0].name}: {wording.delta(drawn[0])}"
        return _figure(curves_figure(drawn, title), caption)

    def intervals(self, *, model: str | None = None, stage: str | None = None, caption: bool = True) -> Figure:
        """The Δ of each cell with its interval and its matched draws, the best on top."""
        drawn = _preferred([one for one in self._stages(model, stage) if forests([one])])
        if not drawn:
            raise AblateError(f"no cell of this run has an interval or matched draws{_in(stage)}; {_JUDGE}")
        title = f"Cells of {_models(drawn)}, {drawn[0].name}: {wording.delta(drawn[0])}"
        return _figure(intervals_figure(drawn, title), caption)

    def tasks(self, *, model: str | None = None, stage: str | None = None, caption: bool = True) -> Figure:
        """The Δ of the best cells on each task, with intervals."""
        several = [one for one in self._stages(model, stage) if len(one.splits) > 1]
        if not several:
            raise AblateError(f"this run has no stage of several tasks{_in(stage)}; intervals() draws the cells")
        drawn = _preferred([one for one in several if tasks_figure([one], "")])
        if not drawn:
            raise AblateError(f"no cell of this run has an interval{_in(stage)}; {_JUDGE}")
        title = f"Task by task, {_models(drawn)}, {drawn[0].name}: {wording.delta(drawn[0])}"
        return _figure(tasks_figure(drawn, title), caption)

    def models(self, by: str = "granularity", *, caption: bool = True) -> Figure:
        """The best confirmed cell of each model, a panel for each model on one scale, and the gains pooled over them.

        Args:
            by: ``granularity`` or ``scorer``: a line for each in a panel. ``depth`` draws in which third of the layers
                the removed units of the best cells are.
        """
        over = self.results.about.over_models
        if over is None:
            raise AblateError(
                f"this run has nothing over several models: its recipe lists one, or it was not judged ({_JUDGE})"
            )
        makers = {name: partial(best_figure, over, name) for name in ("granularity", "scorer")}
        makers |= {"depth": partial(depth_figure, over)}
        if by not in makers:
            raise AblateError(f"models are not drawn by '{by}'; {suggest(by, makers)}")
        drawn = makers[by]()
        if drawn is None:
            raise AblateError(f"nothing to draw by {by}: no confirmed cell has one")
        return _figure(drawn, caption)

    def heads(self, *, model: str | None = None, granularity: str = "head", caption: bool = True) -> Figure:
        """Where contributions are high and low: a map of units × layers for each scorer, the oracle's first.

        Args:
            granularity: one with few units in a layer, such as ``head`` or ``layer`` of a plug-in.
        """
        name = self._model(model)
        by_place = of_record(self.results.about.maps or ())
        maps = {kind: of_kind for (map_model, kind), of_kind in by_place.items() if map_model == name}
        if granularity not in maps:
            stored = f" (it has: {', '.join(maps)})" if maps else ""
            raise AblateError(
                f"no contributions of granularity '{granularity}' are stored with this run of {name}{stored}: run it"
                f" with that granularity (of at most {WIDEST} units a layer) and a scorer such as align, not random"
            )
        return _figure(maps_figure(maps[granularity], name, granularity), caption)

    def plane(self, *, model: str | None = None, stage: str | None = None, caption: bool = True) -> Figure:
        """Each cell by its uniform and align loss, means over its seeds. Dense is a star, matched draws are gray."""
        candidates = self._stages(self._model(model), stage)
        for name in ("confirm", "screen"):
            of_name = [candidate for candidate in candidates if candidate.name == name]
            figure = plane_figure(of_name, f"The alignment-uniformity plane of {candidates[0].model}, {name}")
            if figure is not None:
                return _figure(figure, caption)
        if {ALIGN, UNIFORM} <= {candidate.measure.metric for candidate in candidates}:
            raise AblateError("no cell of this run has both an align and a uniform loss; the tables give the reasons")
        where = f" in its stage {stage}" if stage else ""
        raise AblateError(
            f"this run did not measure alignment and uniformity{where}: add the task group geometry to the recipe's"
            " screen tasks, as in screen: [sts-dev, geometry], and run it again; what is stored is not computed again"
        )

    def _model(self, model: str | None) -> str:
        models = list(self.results.about.models)
        if model is None and len(models) > 1:
            raise AblateError(f"this run has {len(models)} models: choose one with model=, of {', '.join(models)}")
        if model is not None and model not in models:
            raise AblateError(f"this run has no model '{model}'; {suggest(model, models)}")
        return models[0] if model is None else model

    def _stages(self, model: str | None, stage: str | None) -> list[Stage]:
        """The stages of one model or of all, and of one name if it is given; at least one."""
        models = list(self.results.about.models) if model is None else [self._model(model)]
        of_model = [candidate for candidate in stages(self.results) if candidate.model in models]
        if not of_model:
            raise AblateError(f"this run has no rows of {', '.join(models)}; finish it with the command that began it")
        names = {candidate.name for candidate in of_model}
        if stage is not None and stage not in names:
            raise AblateError(f"this run has no stage '{stage}'; {suggest(stage, names)}")
        return [candidate for candidate in of_model if stage in (None, candidate.name)]


def _preference(stage: Stage) -> tuple[bool, bool, bool]:
    """The lower, the rather a stage is drawn. Truncated embeddings are drawn only where they are asked for."""
    return stage.measure.metric in (ALIGN, UNIFORM), stage.measure.dim is not None, stage.name != "confirm"


def _preferred(drawable: Sequence[Stage]) -> list[Stage]:
    """The stage to draw, with those of other models that are like it."""
    best = min(drawable, key=_preference, default=None)
    if best is None:
        return []
    return [one for one in drawable if (one.name, one.measure, one.splits) == (best.name, best.measure, best.splits)]


def _models(drawn: Sequence[Stage]) -> str:
    return ", ".join(stage.model for stage in drawn)


def _in(stage: str | None) -> str:
    return f" in stage {stage}" if stage else ""


_JUDGE = "give the command of the run again, which judges what is stored"


def _figure(figure: Figure | None, caption: bool) -> Figure:
    assert figure is not None
    return replace(figure, explained=caption)


def _on(candidates: Sequence[Stage], tasks: Sequence[str]) -> list[Stage]:
    known = {task for candidate in candidates for task in candidate.splits}
    for task in tasks:
        if task not in known:
            raise AblateError(f"no task '{task}' was run here; {suggest(task, known)}")
    with_all = [candidate.on(tasks) for candidate in candidates if tasks and set(tasks) <= set(candidate.splits)]
    if not with_all:
        raise AblateError(
            f"tasks {', '.join(tasks) or '(none given)'} have no mean, because they are of several stages or measures;"
            " draw them one at a time"
        )
    return with_all


def _no_curve(candidates: Sequence[Stage], stage: str | None) -> str:
    groups = [group for candidate in candidates for group in candidate.groups]
    where = _in(stage)
    if groups and all(group.row.way for group in groups):
        return f"no sparsity curve{where}: trained cells have none; the tables compare them with training alone"
    return (
        f"no sparsity curve{where}: no scorer has a Δ at two sparsities or more; list several in the recipe's"
        " sparsities (and for a confirmation, confirm.cells: all)"
    )
