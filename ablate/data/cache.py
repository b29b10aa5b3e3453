"""Where fetched data sets are kept, and what else may be deleted at any time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where `ablate data fetch` writes: ``hub`` in :func:`cache_root`."""
    return cache_root(environ) / "hub"


def cache_root(environ: Mapping[str, str]) -> Path:
    """ABLATE_CACHE, XDG_CACHE_HOME/ablate or ~/.cache/ablate. The folder may be deleted while no run is on."""
    if environ.get("ABLATE_CACHE"):
        return Path(environ["ABLATE_CACHE"])
    if environ.get("XDG_CACHE_HOME"):
        return Path(environ["XDG_CACHE_HOME"]) / "ablate"
    return Path(environ.get("HOME") or Path.home()) / ".cache" / "ablate"
