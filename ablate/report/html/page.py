"""A run as one self-contained HTML file: the answer, the tables, the figures, and where every number came from."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from ablate.judge.effects import Stage
from ablate.judge.methods import MethodComparison, compare_methods
from ablate.record import ContributionMap, RunRecord
from ablate.report import wording
from ablate.report.answer import answers, question
from ablate.report.circumstances import foot, head
from ablate.report.dims import shown
from ablate.report.figures.curves import curves_figure
from ablate.report.figures.drawing import Sketch
from ablate.report.figures.intervals import intervals_figure
from ablate.report.figures.maps import join, maps_figure, of_record
from ablate.report.figures.plane import plane_figure
from ablate.report.figures.ranks import ranks_figure
from ablate.report.figures.stability_panels import settlings, stability_figure
from ablate.report.html.provenance import Origin, facts, recipe_text
from ablate.report.html.svg import Drawing, draw
from ablate.report.html.template import asset, fill
from ablate.report.layout import of_models
from ablate.report.methods import methods_table
from ablate.report.oracle_agreement import oracle_agreement_table
from ablate.report.table import Block, Page
from ablate.studies.prevalence_record import PrevalenceRecord
from ablate.studies.stability_record import StabilityRecord


@dataclass(frozen=True)
class ReportSection:
    """A section of the report. lines: paragraphs below the heading; if content is missing, how to get it."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Material:
    """The content of a report: a run, and the records of studies with the pages that their commands printed.

    companions: runs of the same recipe with other calibration seeds.
    unreadable: name of a study -> why its record is not shown, such as one of an older version.
    """

    results: RunRecord
    origin: Origin = field(default_factory=Origin)
    prevalence: tuple[PrevalenceRecord, Page] | None = None
    stability: tuple[StabilityRecord, Page] | None = None
    companions: tuple[RunRecord, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)


def render_html(material: Material) -> str:
    """The whole file, which loads no other file.

    Every text is escaped, and the policy in its head allows only the script that sorts tables.

    Raises:
        AblateError: jinja2 or matplotlib is not installed.
    """
    results = material.results
    # The content security policy allows the script by its hash, so that no script in a label or a reason can run.
    digest = hashlib.sha256(asset("sort.js").encode()).digest()
    return fill(
        "page.html.j2",
        style="style.css",
        script="sort.js",
        title=f"ablate: {', '.join(results.about.models)}",
        script_hash=base64.b64encode(digest).decode(),
        question=question(results),
        answers=answers(results, material.prevalence[0].prevalence if material.prevalence else ()),
        head=(*head(results, shown(results)), *(results.about.other_verdicts or ())),
        foot=foot(results),
        sections=list(_sections(material)),
        facts=facts(results, material.origin),
        recipe=recipe_text(results),
    )


def _sections(material: Material) -> Iterator[ReportSection]:
    results = material.results
    run_stages = shown(results)
    yield ReportSection("tables", "Tables", blocks=of_models(results, run_stages))
    yield _drawn("curves", "Sparsity curves and intervals", _curves(run_stages), _NO_CURVES)
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
    yield _study(
        "stability", "Stability", material.stability and material.stability[1], list(filter(None, panels)), material
    )


_NO_CURVES = "No curve: no scorer was run at two sparsities or more; list several in the recipe's sparsities."
_NO_PLANE = "Not measured: add the task group geometry to the recipe's screen tasks, and run it again."
_NO_MAPS = "No map: no scorer ranked units that are few enough to draw, such as heads."


def _drawn(id_: str, title: str, sketches: Sequence[Sketch], reason: str) -> ReportSection:
    """A section of figures. reason: why there are none, if there are none."""
    return ReportSection(id_, title, () if sketches else (reason,), tuple(map(draw, sketches)))


def _curves(run_stages: Sequence[Stage]) -> list[Sketch]:
    many = len({stage.model for stage in run_stages}) > 1
    drawn = []
    for stage in run_stages:
        of_model = f" of {stage.model}" if many else ""
        drawn.append(curves_figure(stage, f"Sparsity curves{of_model}, {stage.name}: {wording.delta(stage)}"))
        if stage.name == "confirm" or not any(s.name == "confirm" for s in run_stages if s.model == stage.model):
            drawn.append(intervals_figure(stage, f"Cells{of_model}, {stage.name}: {wording.delta(stage)}"))
    return list(filter(None, drawn))


def _planes(run_stages: Sequence[Stage]) -> list[Sketch]:
    drawn = []
    for place in dict.fromkeys((stage.model, stage.name) for stage in run_stages):
        of_place = [stage for stage in run_stages if (stage.model, stage.name) == place]
        drawn.append(plane_figure(of_place, f"The alignment-uniformity plane, {place[0]}, {place[1]}"))
    return list(filter(None, drawn))


def _methods(*runs: RunRecord) -> ReportSection:
    compared = compare_methods(*runs)
    table = methods_table(compared)
    drawings = [draw(ranks_figure(comparison)) for comparison in compared if isinstance(comparison, MethodComparison)]
    if table is None:
        return ReportSection("methods", "Scorers as methods", ("No scorer to compare: the recipe has no grid.",))
    if not table.lines:
        return ReportSection("methods", "Scorers as methods", table.notes)
    return ReportSection("methods", "Scorers as methods", (), tuple(drawings), (Block(None, (table,)),))


def _study(name: str, title: str, page: Page | None, sketches: Sequence[Sketch], material: Material) -> ReportSection:
    if page is None:
        not_measured = f"Not measured: ablate {name} RECIPE measures it, into the same store."
        return ReportSection(name, title, (material.unreadable.get(name, not_measured),))
    return ReportSection(name, title, (*page.head, *page.foot), tuple(map(draw, sketches)), page.blocks)
