"""What a figure draws, read from its specification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ablate.report.figures.figure import Figure

Values = list[dict[str, Any]]


def panels(figure: Figure) -> dict[str, dict[str, Any]]:
    """Title -> panel; a figure of one panel has the title ``""``."""
    return {panel.get("title", ""): panel for panel in figure.spec.get("concat", [figure.spec])}


def values(figure: Figure, panel: dict[str, Any]) -> Values:
    """All rows that a panel draws, of all its layers, each once."""
    names = dict.fromkeys(
        part["data"]["name"] for part in (figure.spec, panel, *panel.get("layer", ())) if "data" in part
    )
    return [row for name in names for row in figure.spec["datasets"][name] if row]


def layers(panel: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    return [layer for layer in panel["layer"] if layer["mark"]["type"] == mark]


def domain(panel: dict[str, Any], channel: str) -> list[float]:
    """The ends of an axis, of the first layer that sets them."""
    return next(_domains(panel, channel))


def _domains(panel: dict[str, Any], channel: str) -> Iterator[list[float]]:
    for layer in panel["layer"]:
        scale = layer.get("encoding", {}).get(channel, {}).get("scale") or {}
        if "domain" in scale:
            yield scale["domain"]
