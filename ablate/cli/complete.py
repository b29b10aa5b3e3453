"""What Tab offers for the values of options and arguments; nothing here raises or prints."""

from __future__ import annotations

from collections.abc import Iterable

from typer import Context

STORE = "ablate.db"
"""Where results are kept unless something else is said."""


def listed(incomplete: str, names: Iterable[str]) -> list[str]:
    """Completes the last part of a comma-separated list, by names that are not in it yet."""
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [f"{before}{comma}{name}" for name in names if name.startswith(last) and name not in taken]


def scorers(incomplete: str) -> list[str]:
    from ablate.cli.names import plugin_names

    return listed(incomplete, plugin_names("scorer"))


def granularities(incomplete: str) -> list[str]:
    from ablate.cli.names import plugin_names

    return listed(incomplete, plugin_names("granularity"))


def tasks(incomplete: str) -> list[str]:
    """Tasks, and the groups of them."""
    from ablate.cli.names import plugin_names
    from ablate.data.names import GROUPS

    groups = ("geometry", *(group for group in GROUPS if group != "sts-train"))
    return listed(incomplete, (*groups, *plugin_names("task")))


def plugins(incomplete: str) -> list[str]:
    """Of every kind."""
    from ablate.builtin import NAMES
    from ablate.cli.names import plugin_names

    return _among(incomplete, dict.fromkeys(name for kind in NAMES for name in plugin_names(kind)))


def runs(ctx: Context, incomplete: str) -> list[str]:
    """The runs of a store that is a file, the newest first."""
    import sqlite3
    from contextlib import closing
    from urllib.parse import quote

    try:
        with closing(sqlite3.connect(f"file:{quote(ctx.params.get('store') or STORE)}?mode=ro", uri=True)) as store:
            found = store.execute("SELECT id FROM ablate_runs ORDER BY number DESC").fetchall()
    except sqlite3.Error:  # no store, or none of ours: nothing to offer
        return []
    return _among(incomplete, [str(name) for (name,) in found])


def data(incomplete: str) -> list[str]:
    return _among(incomplete, ("auto", "embedded", "hub", "senteval", "senteval:"))


def data_sets(incomplete: str) -> list[str]:
    """Those that ``ablate data fetch`` takes."""
    from ablate.data.hub import HUB
    from ablate.data.names import GROUPS

    groups = (group for group, members in GROUPS.items() if set(members) <= set(HUB))
    return _among(incomplete, dict.fromkeys((*groups, *HUB)))


def pooling(incomplete: str) -> list[str]:
    return _among(incomplete, ("mean", "cls", "cls_before_pooler"))


def model(incomplete: str) -> list[str]:
    """The embedded one; where that is not meant, the shell offers folders."""
    return _among(incomplete, ("minilm",))


def _among(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
