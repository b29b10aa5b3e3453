"""Where files lie that can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_base(environ: Mapping[str, str]) -> Path:
    """The folder of all that may be deleted at any time: ABLATE_CACHE, XDG_CACHE_HOME/ablate or ~/.cache/ablate."""
    if environ.get("ABLATE_CACHE"):
        return Path(environ["ABLATE_CACHE"])
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "ablate"
    return Path(environ.get("HOME") or Path.home()) / ".cache" / "ablate"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where `ablate data fetch` writes: ``hub`` in :func:`cache_base`."""
    return cache_base(environ) / "hub"
