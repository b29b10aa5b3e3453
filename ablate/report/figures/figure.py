"""A figure for the report and for notebooks, and the look that all figures share, which can be read without color."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import wrap
from typing import Any

import altair as alt
import vl_convert

from ablate.printable import visible

# Can be distinguished with any color vision, and contrast with white by 4. The report has others on dark.
COLORS = ("#0072b2", "#c44e00", "#007d5a", "#b0518a", "#8f6500", "#3a7f96")
MARKERS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right")
DASHES = ([1, 0], [6, 2], [2, 2], [6, 2, 2, 2], [10, 3])
INK, SOFT, LINE, PAPER = "#1d2329", "#5b6570", "#d9dee3", "#ffffff"
LONGEST = 44
"""The most characters of a label."""

WIDTH = 900
"""How wide a figure is, in pixels. The report fits it to the width of the window."""

_SHARPNESS = 1.5
"""Pixels of an image in a notebook for each pixel of the page."""

_PANEL_MARGIN = 66
"""What a panel needs beside its drawing, for its axis, in pixels."""

MARKS_FONT = "DejaVu Sans, sans-serif"
"""A font that has the marks of verdicts, where it is installed."""

_FONT = "Helvetica Neue, Arial, Liberation Sans, DejaVu Sans, sans-serif"


@dataclass(frozen=True)
class Figure:
    """A figure, which a notebook shows at the end of a cell: interactive where it can draw Vega-Lite, else as an image.

    title: its heading.
    alt: what it shows, for readers who cannot see it.
    caption: how to read it, one sentence or more.
    drawing: the Altair chart, without title and caption.
    explained: whether ``chart`` has the caption.
    """

    title: str
    alt: str
    caption: str
    drawing: Any
    explained: bool = True

    @property
    def chart(self) -> Any:
        """The Altair chart, to be changed or combined with others: a new copy, with title and caption."""
        small_print = wrap(text(self.caption, 2000), 150) if self.explained else []
        words = wrap(text(self.title, 300), 110)
        return self.drawing.properties(title=alt.Title(words, subtitle=small_print))

    @cached_property
    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification, without title and caption."""
        plain: dict[str, Any] = self.drawing.to_dict()
        # The address of its schema, which nothing needs to know here.
        del plain["$schema"]
        return plain

    def save(self, path: str | Path, scale: float = 2) -> None:
        """Writes the figure with its title and caption to a ``.svg``, ``.png``, ``.pdf``, ``.html`` or ``.json`` file.

        Args:
            scale: pixels of a PNG for each pixel of the figure.
        """
        inlined = {"inline": True} if str(path).endswith(".html") else {}
        self.chart.save(str(path), scale_factor=scale, **inlined)

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        whole = self.chart.to_dict()
        image = vl_convert.vegalite_to_png(whole, scale=_SHARPNESS)
        # The size is in the header of a PNG.
        width, height = (round(int.from_bytes(image[at : at + 4], "big") / _SHARPNESS) for at in (16, 20))
        kind = f"application/vnd.vegalite.v{alt.SCHEMA_VERSION.lstrip('v').partition('.')[0]}+json"
        shown = {"alt": text(self.alt, 2000), "width": width, "height": height}
        return {kind: whole, "image/png": image, "text/plain": self.title}, {"image/png": shown}


def file_of(figure: Figure, form: str) -> bytes:
    """The content of a file with the figure, its title and its caption. form: ``svg``, ``png`` or ``pdf``."""
    whole = figure.chart.to_dict()
    if form == "svg":
        return vl_convert.vegalite_to_svg(whole).encode()
    return vl_convert.vegalite_to_png(whole, scale=2) if form == "png" else vl_convert.vegalite_to_pdf(whole)


def of(
    title: str,
    caption: str,
    alternative: str,
    drawing: Any,
    labels: Collection[str] = (),
) -> Figure:
    """A figure in the common look.

    Args:
        labels: the entries of its legend, which decide into how many columns it fits.
    """
    longest = max((len(text(label)) for label in labels), default=0)
    # About what a character and the symbol of an entry take, in pixels, with what parts it from the next.
    entry = round(6.6 * longest + 56)
    meta: dict[str, Any] = {"entry": entry, "margin": _PANEL_MARGIN}
    config = {**_CONFIG, "legend": {**_CONFIG["legend"], "columns": max(1, min(len(labels) or 1, WIDTH // entry))}}
    return Figure(title, alternative, caption, drawing.configure(**config).properties(usermeta=meta))


_CONFIG: dict[str, Any] = {
    "background": PAPER,
    "font": _FONT,
    # The report names each figure as a whole. A name for each point would be read aloud one by one.
    "aria": False,
    "view": {"stroke": None},
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 13,
        "subtitleColor": SOFT,
        "subtitleFontSize": 10,
        "subtitleFont": MARKS_FONT,
    },
    "axis": {
        "labelColor": SOFT,
        "titleColor": INK,
        "titleFontWeight": "normal",
        "domainColor": SOFT,
        "tickColor": SOFT,
        "gridColor": LINE,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "labelLimit": 0,
    },
    "legend": {
        "orient": "bottom",
        "title": None,
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "symbolSize": 90,
        "labelLimit": 0,
        "gradientStrokeColor": LINE,
        # Wide enough that entries do not touch where a font is wider than the one that measured the image.
        "columnPadding": 22,
    },
}


def panels(charts: Sequence[Any], columns: int) -> Any:
    """Charts side by side, in as many columns as given, as wide as a figure."""
    columns = min(columns, len(charts))
    width = WIDTH // columns - _PANEL_MARGIN
    return alt.concat(*(chart.properties(width=width) for chart in charts), columns=columns, spacing=24)


def whole(chart: Any, height: int) -> Any:
    """One chart, as wide as a figure."""
    return chart.properties(width=WIDTH, height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))


def zoom(name: str) -> alt.Parameter:
    """Dragging moves the axes, and Ctrl with the wheel zooms; the wheel alone scrolls the page."""
    return alt.selection_interval(name=name, bind="scales", zoom="wheel![event.ctrlKey || event.metaKey]")


def toggle(field: str) -> alt.Parameter:
    """A click on an entry of the legend leaves only that one; further clicks add others, or take them away."""
    return alt.selection_point(name="shown", fields=[field], bind="legend", toggle="true")


def seen(shown: alt.Parameter, opacity: float = 1.0) -> Any:
    """The opacity of what the legend shows, and of the rest."""
    return alt.condition(shown, alt.value(opacity), alt.value(opacity / 12))


def data(rows: Iterable[dict[str, Any]]) -> alt.InlineData:
    """Rows as the data of a chart."""
    return alt.InlineData(values=list(rows))


def complete(rows: Iterable[dict[str, Any]], *fields: str, blank: str = "–") -> list[dict[str, Any]]:
    """Rows that all have these fields, if any has: Vega would write ``undefined`` in the place of an absent one."""
    found = list(rows)
    present = [field for field in fields if any(field in row for row in found)]
    return [dict.fromkeys(present, blank) | row for row in found]


def text(label: object, longest: int = LONGEST) -> str:
    """A label without control characters, shortened so that it leaves room for the figure."""
    whole = legal_in_xml(str(label))
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"


def legal_in_xml(label: str) -> str:
    """A text without the characters that XML does not allow."""
    # `visible` keeps U+FFFE and U+FFFF, which Unicode does not count as control characters.
    return visible(label).replace("\ufffe", "?").replace("\uffff", "?")


@dataclass(frozen=True)
class Styles:
    """How each label is drawn: a color, a marker and a dash, different for each of the first 30 labels.

    labels: as drawn, in the order of the legend.
    """

    labels: tuple[str, ...]
    colors: tuple[str, ...]
    markers: tuple[str, ...]
    dashes: tuple[list[int], ...]

    def color(self, field: str) -> alt.Color:
        return alt.Color(
            field, type="nominal", scale=alt.Scale(domain=self.labels, range=self.colors), legend=alt.Legend()
        )

    def shape(self, field: str) -> alt.Shape:
        return alt.Shape(
            field, type="nominal", scale=alt.Scale(domain=self.labels, range=self.markers), legend=alt.Legend()
        )

    def dash(self, field: str) -> alt.StrokeDash:
        ranged = alt.Scale(domain=self.labels, range=self.dashes)
        return alt.StrokeDash(field, type="nominal", scale=ranged, legend=None)


def styles(labels: Iterable[str], controls: Collection[str] = ()) -> Styles:
    """A style for each label; controls are gray and dotted."""
    found = list(dict.fromkeys(labels))
    # 6 and 5 have no common factor, so 30 labels have different pairs of color and dash.
    return Styles(
        tuple(map(text, found)),
        tuple(SOFT if label in controls else COLORS[place % 6] for place, label in enumerate(found)),
        tuple(MARKERS[place % 7] for place in range(len(found))),
        tuple([1, 2] if label in controls else DASHES[place % 5] for place, label in enumerate(found)),
    )
