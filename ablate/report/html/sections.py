"""The sections of the report: its figures and tables, or why there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from ablate.judge.effects import Stage
from ablate.judge.methods import MethodComparison, compare_methods
from ablate.record import ContributionMap, OverModels, RunRecord
from ablate.report import wording
from ablate.report.dims import shown
from ablate.report.figures.curves import curves_figure
from ablate.report.figures.figure import Figure
from ablate.report.figures.intervals import intervals_figure
from ablate.report.figures.maps import join, maps_figure, of_record
from ablate.report.figures.over_models import best_figure, depth_figure
from ablate.report.figures.plane import plane_figure
from ablate.report.figures.ranks import ranks_figure
from ablate.report.figures.stability import settlings, stability_figure
from ablate.report.figures.tasks import tasks_figure
from ablate.report.html.drawing import Drawing, draw
from ablate.report.html.material import Material
from ablate.report.layout import of_models
from ablate.report.methods import methods_table
from ablate.report.oracle_agreement import oracle_agreement_table
from ablate.report.over_models import tables as tables_over
from ablate.report.table import Block, Page


@dataclass(frozen=True)
class ReportSection:
    """A section of the report.

    lines: paragraphs below the heading; if ``absent``, why there is no content and how to get it.
    absent: whether it has neither figures nor tables. Such sections are folded into one line.
    """

    id: str
    title: str
    lines: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    blocks: tuple[Block, ...] = ()

    @property
    def absent(self) -> bool:
        return not self.drawings and not any(block.tables for block in self.blocks)


def sections(material: Material) -> Iterator[ReportSection]:
    """All sections in their order, those without content too."""
    results = material.results
    run_stages = shown(results)
    if results.about.over_models is not None:
        yield _models(results.about.over_models)
    yield _drawn("curves", "Sparsity curves and intervals", [*_curves(run_stages), *_forests(run_stages)], _NO_CURVES)
    yield ReportSection("tables", "Tables", blocks=of_models(results, run_stages))
    yield _methods(results, *material.companions)
    yield _drawn("plane", "Alignment and uniformity", _planes(run_stages), _NO_PLANE)
    exact = material.prevalence[0].maps if material.prevalence else ()
    maps = join(of_record(results.about.maps or ()), of_record(ContributionMap(**asdict(one)) for one in exact))
    drawn = [maps_figure(of_place, *place) for place, of_place in maps.items()]
    agreement = oracle_agreement_table(results.about.agreement or ())
    blocks = () if agreement is None else (Block(None, (agreement,)),)
    yield replace(_drawn("maps", "Where contributions live", drawn, _NO_MAPS), blocks=blocks)
    yield _study("prevalence", "Prevalence", material.prevalence and material.prevalence[1], [], material)
    curves = settlings(material.stability[0].stability if material.stability else ())
    panels = [stability_figure(curves, model) for model in dict.fromkeys(curve.model for curve in curves)]
    settled = [panel for panel in panels if panel]
    yield _study("stability", "Stability", material.stability and material.stability[1], settled, material)


_NO_CURVES = "no scorer was run at two sparsities or more; list several in the recipe's sparsities."
_NO_PLANE = "not measured: add the task group geometry to the recipe's screen tasks, and run it again."
_NO_MAPS = "no scorer ranked units that are few enough to draw, such as heads."


def _drawn(id_: str, title: str, figures: Sequence[Figure], reason: str) -> ReportSection:
    """A section of figures. reason: why there are none, if there are none."""
    return ReportSection(id_, title, () if figures else (reason,), _drawings(id_, figures))


def _drawings(id_: str, figures: Sequence[Figure]) -> tuple[Drawing, ...]:
    return tuple(draw(figure, f"{id_}{place}") for place, figure in enumerate(figures))


def _alike(run_stages: Sequence[Stage]) -> list[list[Stage]]:
    """The stages of one name and one measure together: one of each model."""
    places = dict.fromkeys((stage.name, stage.measure) for stage in run_stages)
    return [[stage for stage in run_stages if (stage.name, stage.measure) == place] for place in places]


def _curves(run_stages: Sequence[Stage]) -> list[Figure]:
    drawn = []
    for stages in _alike(run_stages):
        drawn.append(curves_figure(stages, f"Sparsity curves, {stages[0].name}: {wording.delta(stages[0])}"))
    return [figure for figure in drawn if figure]


def _forests(run_stages: Sequence[Stage]) -> list[Figure]:
    """Of the stages that report."""
    confirmed = {stage.model for stage in run_stages if stage.name == "confirm"}
    drawn = []
    for stages in _alike([stage for stage in run_stages if stage.name == "confirm" or stage.model not in confirmed]):
        said = f"{stages[0].name}: {wording.delta(stages[0])}"
        drawn.append(intervals_figure(stages, f"Cells, {said}"))
        drawn.append(tasks_figure(stages, f"Task by task, {said}"))
    return [figure for figure in drawn if figure]


def _planes(run_stages: Sequence[Stage]) -> list[Figure]:
    drawn = []
    for place in dict.fromkeys((stage.model, stage.name) for stage in run_stages):
        of_place = [stage for stage in run_stages if (stage.model, stage.name) == place]
        drawn.append(plane_figure(of_place, f"The alignment-uniformity plane, {place[0]}, {place[1]}"))
    return [figure for figure in drawn if figure]


def _models(over: OverModels) -> ReportSection:
    figures = [best_figure(over, "granularity"), best_figure(over, "scorer"), depth_figure(over)]
    drawings = _drawings("models", [figure for figure in figures if figure])
    return ReportSection("models", "Over models", (), drawings, (Block(None, tables_over(over)),))


def _methods(*runs: RunRecord) -> ReportSection:
    compared = compare_methods(*runs)
    table = methods_table(compared)
    figures = [ranks_figure(comparison) for comparison in compared if isinstance(comparison, MethodComparison)]
    if table is None:
        return ReportSection("methods", "Scorers as methods", ("no scorer to compare: the recipe has no grid.",))
    if not table.lines:
        return ReportSection("methods", "Scorers as methods", table.notes)
    drawings = _drawings("methods", figures)
    return ReportSection("methods", "Scorers as methods", (), drawings, (Block(None, (table,)),))


def _study(name: str, title: str, page: Page | None, figures: Sequence[Figure], material: Material) -> ReportSection:
    if page is None:
        not_measured = f"not measured: ablate {name} RECIPE measures it, into the same store."
        return ReportSection(name, title, (material.unreadable.get(name, not_measured),))
    return ReportSection(name, title, (*page.head, *page.foot), _drawings(name, figures), page.blocks)
