"""A run as one self-contained HTML file: the answer, the tables, the figures, and where every number came from."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from ablate.judge.effects import Stage, stages
from ablate.judge.methods import MethodComparison, compare_methods
from ablate.report import wording
from ablate.report.circumstances import foot, head
from ablate.report.figures.curves import curves_figure
from ablate.report.figures.drawing import Sketch
from ablate.report.figures.intervals import intervals_figure
from ablate.report.figures.maps import join, maps_figure, read_maps
from ablate.report.figures.plane import plane_figure
from ablate.report.figures.ranks import ranks_figure
from ablate.report.figures.stability_panels import settlings, stability_figure
from ablate.report.html.answer import answers, question
from ablate.report.html.provenance import Origin, facts, recipe_text
from ablate.report.html.svg import Drawing, draw
from ablate.report.html.template import asset, fill
from ablate.report.layout import of_models
from ablate.report.methods import methods_table
from ablate.report.oracle_agreement import oracle_agreement_table
from ablate.report.table import Block, Page
from ablate.studies.prevalence_record import PrevalenceRecord
from ablate.studies.stability_record import StabilityRecord

if TYPE_CHECKING:
    from ablate.record import RunRecord


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it. lines: paragraphs; how to get what is absent, too."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Material:
    """What a report is made of: a run, and the records of studies with the pages that their commands printed."""

    results: RunRecord
    origin: Origin = field(default_factory=Origin)
    prevalence: tuple[PrevalenceRecord, Page] | None = None
    stability: tuple[StabilityRecord, Page] | None = None


def render_html(material: Material) -> str:
    """The whole file: it names no other, and obeys no text that came from a file or a plug-in.

    Every text is escaped, and the policy in its head lets no script run but the one that sorts tables.

    Raises:
        AblateError: jinja2 or matplotlib is not installed.
    """
    results = material.results
    digest = hashlib.sha256(asset("sort.js").encode()).digest()
    return fill(
        "page.html.j2",
        style="style.css",
        script="sort.js",
        title=f"ablate: {', '.join(results.about['models'])}",
        script_hash=base64.b64encode(digest).decode(),
        question=question(results),
        answers=answers(results, material.prevalence[0].prevalence if material.prevalence else ()),
        head=head(results, stages(results)),
        foot=foot(results),
        sections=list(_sections(material)),
        facts=facts(results, material.origin),
        recipe=recipe_text(results),
    )


def _sections(material: Material) -> Iterator[Section]:
    results = material.results
    found = stages(results)
    yield Section("tables", "Tables", blocks=of_models(results))
    yield _drawn("curves", "Sparsity curves and intervals", _curves(found), _NO_CURVES)
    yield _methods(results)
    yield _drawn("plane", "Alignment and uniformity", _planes(found), _NO_PLANE)
    exact = material.prevalence[0].maps if material.prevalence else ()
    maps = join(read_maps(results.about.get("maps")), read_maps(list(map(asdict, exact))))
    drawn = [maps_figure(of, model, granularity) for (model, granularity), of in maps.items()]
    agreement = oracle_agreement_table(results.about.get("agreement", ()))
    blocks = () if agreement is None else (Block(None, (agreement,)),)
    yield replace(_drawn("maps", "Where contributions live", drawn, _NO_MAPS), blocks=blocks)
    yield _study("prevalence", "Prevalence", material.prevalence and material.prevalence[1], [])
    curves = settlings(material.stability[0].stability if material.stability else ())
    panels = [stability_figure(curves, model) for model in dict.fromkeys(one.model for one in curves)]
    yield _study("stability", "Stability", material.stability and material.stability[1], [one for one in panels if one])


_NO_CURVES = "No curve: no scorer was run at two sparsities or more; list several in the recipe's sparsities."
_NO_PLANE = "Not measured: add the task group geometry to the recipe's screen tasks, and run it again."
_NO_MAPS = "No map: no scorer ranked units that are few enough to be seen, such as heads."


def _drawn(id_: str, title: str, sketches: Sequence[Sketch], otherwise: str) -> Section:
    return Section(id_, title, () if sketches else (otherwise,), tuple(map(draw, sketches)))


def _curves(found: Sequence[Stage]) -> list[Sketch]:
    many = len({stage.model for stage in found}) > 1
    drawn = []
    for stage in found:
        of = f" of {stage.model}" if many else ""
        drawn.append(curves_figure(stage, f"Sparsity curves{of}, {stage.name}: {wording.delta(stage)}"))
        if stage.name == "confirm" or not any(s.name == "confirm" for s in found if s.model == stage.model):
            drawn.append(intervals_figure(stage, f"Cells{of}, {stage.name}: {wording.delta(stage)}"))
    return [one for one in drawn if one]


def _planes(found: Sequence[Stage]) -> list[Sketch]:
    drawn = []
    for place in dict.fromkeys((stage.model, stage.name) for stage in found):
        alike = [stage for stage in found if (stage.model, stage.name) == place]
        drawn.append(plane_figure(alike, f"The alignment-uniformity plane, {place[0]}, {place[1]}"))
    return [one for one in drawn if one]


def _methods(results: RunRecord) -> Section:
    compared = compare_methods(results)
    table = methods_table(compared)
    drawings = [draw(ranks_figure(one)) for one in compared if isinstance(one, MethodComparison)]
    if table is None:
        return Section("methods", "Scorers as methods", ("No scorer to compare: the recipe has no grid.",))
    if not table.lines:
        return Section("methods", "Scorers as methods", table.notes)
    return Section("methods", "Scorers as methods", (), tuple(drawings), (Block(None, (table,)),))


def _study(name: str, title: str, page: Page | None, sketches: Sequence[Sketch]) -> Section:
    if page is None:
        return Section(name, title, (f"Not measured: ablate {name} RECIPE does, and keeps it in the same store.",))
    return Section(name, title, (*page.head, *page.foot), tuple(map(draw, sketches)), page.blocks)
