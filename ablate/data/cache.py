"""Where fetched data sets are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where `ablate data fetch` writes: ``hub`` in ABLATE_CACHE, XDG_CACHE_HOME/ablate or ~/.cache/ablate.

    The folder may be deleted at any time.
    """
    if environ.get("ABLATE_CACHE"):
        base = Path(environ["ABLATE_CACHE"])
    elif environ.get("XDG_CACHE_HOME"):
        base = Path(environ["XDG_CACHE_HOME"]) / "ablate"
    else:
        base = Path(environ.get("HOME") or Path.home()) / ".cache" / "ablate"
    return base / "hub"
