"""The figures of a run for a notebook: ``results.plot.sparsity()``, ``.heads()`` and ``.plane()``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ablate.errors import AblateError, suggest
from ablate.judge.effects import Stage, stages
from ablate.record import RunRecord
from ablate.report import wording
from ablate.report.curves import curves
from ablate.report.figures.curves import curves_figure
from ablate.report.figures.drawing import Sketch, look
from ablate.report.figures.plane import ALIGN, UNIFORM, plane_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Plots:
    """Each call gives a new matplotlib figure that pyplot does not know: it is shown where a cell ends with it.

    ``model`` may be left out where the run has one. ``stage`` is ``screen`` or ``confirm``; left out, the confirmation
    where it has what is to be drawn, else the screen. ``caption``: small print below, how to read the figure.

    Raises:
        AblateError: the run has not what is to be drawn (and how to get it), there is no such model, stage or task,
            or matplotlib is not installed.
    """

    results: RunRecord

    def __repr__(self) -> str:
        return "<figures: sparsity(), heads(), plane()>"

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
            tasks: the mean over these; by default over all of the stage, scores before losses. One task has
                intervals of its own, some of several have none.
        """
        candidates = self._stages(model, stage)
        if tasks is not None:
            candidates = _on(
                candidates, [name.strip() for name in tasks.split(",")] if isinstance(tasks, str) else list(tasks)
            )
        drawable = [one for one in candidates if curves(one)]
        if not drawable:
            raise AblateError(_no_curve(candidates, stage))
        one = min(drawable, key=lambda one: (one.measure.metric in (ALIGN, UNIFORM), one.name != "confirm"))
        return _figure(curves_figure(one, f"Sparsity curves of {one.model}, {one.name}: {wording.delta(one)}"), caption)

    def heads(self, *, model: str | None = None, granularity: str = "head", caption: bool = True) -> Figure:
        """Where contributions are high and low: a map of units × layers for each scorer, the oracle's first.

        Args:
            granularity: another one of few units, such as ``layer`` of a plug-in.
        """
        from ablate.report.figures.maps import WIDEST, maps_figure, of_record

        name = self._model(model)
        drawn = of_record(self.results.about.maps or ())
        maps = {kind: of_kind for (whose, kind), of_kind in drawn.items() if whose == name}
        if granularity not in maps:
            there = f" (it has: {', '.join(maps)})" if maps else ""
            raise AblateError(
                f"no contributions of granularity '{granularity}' are stored with this run of {name}{there}: run it"
                f" with that granularity (of at most {WIDEST} units a layer) and a scorer such as align, not random"
            )
        return _figure(maps_figure(maps[granularity], name, granularity), caption)

    def plane(self, *, model: str | None = None, stage: str | None = None, caption: bool = True) -> Figure:
        """Every cell by its uniform and align loss, dense as a star, matched draws in gray; seeds are joined."""
        candidates = self._stages(model, stage)
        for name in ("confirm", "screen"):
            alike = [one for one in candidates if one.name == name]
            sketch = (
                plane_figure(alike, f"The alignment-uniformity plane of {candidates[0].model}, {name}")
                if alike
                else None
            )
            if sketch is not None:
                return _figure(sketch, caption)
        if {ALIGN, UNIFORM} <= {one.measure.metric for one in candidates}:
            raise AblateError("no cell of this run has both an align and a uniform loss; its tables say why")
        where = f" in its stage {stage}" if stage else ""
        raise AblateError(
            f"this run did not measure alignment and uniformity{where}: add the task group geometry to the recipe's"
            " screen tasks, as in screen: [sts-dev, geometry], and run it again; what is stored is not computed again"
        )

    def _model(self, model: str | None) -> str:
        models = list(self.results.about.models)
        if model is None and len(models) > 1:
            raise AblateError(f"this run has {len(models)} models: say which with model=, of {', '.join(models)}")
        if model is not None and model not in models:
            raise AblateError(f"this run has no model '{model}'; {suggest(model, models)}")
        return models[0] if model is None else model

    def _stages(self, model: str | None, stage: str | None) -> list[Stage]:
        """Those of one model and, if given, one name; at least one."""
        name = self._model(model)
        of_model = [one for one in stages(self.results) if one.model == name]
        if not of_model:
            raise AblateError(f"this run has no rows of {name}; finish it with the command that began it")
        names = {one.name for one in of_model}
        if stage is not None and stage not in names:
            raise AblateError(f"this run has no stage '{stage}'; {suggest(stage, names)}")
        return [one for one in of_model if stage in (None, one.name)]


def _figure(sketch: Sketch | None, caption: bool) -> Figure:
    assert sketch is not None
    with look():
        from ablate.report.figures.shown import shown

        return shown(sketch, caption)


def _on(candidates: Sequence[Stage], tasks: Sequence[str]) -> list[Stage]:
    known = {task for one in candidates for task in one.splits}
    for task in tasks:
        if task not in known:
            raise AblateError(f"no task '{task}' was run here; {suggest(task, known)}")
    with_all = [one.on(tasks) for one in candidates if tasks and set(tasks) <= set(one.splits)]
    if not with_all:
        raise AblateError(
            f"tasks {', '.join(tasks) or '(none given)'} have no mean: they are of several stages or measures;"
            " draw one after the other"
        )
    return with_all


def _no_curve(candidates: Sequence[Stage], stage: str | None) -> str:
    groups = [group for one in candidates for group in one.groups]
    where = f" in stage {stage}" if stage else ""
    if groups and all(group.row.way for group in groups):
        return f"no sparsity curve{where}: trained cells have none; the tables set them against training alone"
    return (
        f"no sparsity curve{where}: no scorer has a Δ at two sparsities or more; list several in the recipe's"
        " sparsities (and for a confirmation, confirm.cells: all)"
    )
