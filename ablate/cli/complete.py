"""What Tab offers for the values of options and arguments. Nothing here raises or prints.

Of plug-ins, Tab offers those that come with ablate. The names of others are known only once their modules are imported,
and such a module may be slow, print or exit.
"""

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


def built_in(kind: str) -> tuple[str, ...]:
    """The names of ablate's own plug-ins of one of :data:`~ablate.plugins.KINDS`."""
    from ablate.builtin import NAMES  # here, since `ablate --help` must import no plug-in, not even our own

    return NAMES[kind]


def scorers(incomplete: str) -> list[str]:
    return listed(incomplete, built_in("scorer"))


def granularities(incomplete: str) -> list[str]:
    return listed(incomplete, built_in("granularity"))


def tasks(incomplete: str) -> list[str]:
    """Tasks, and the groups of them."""
    from ablate.data.names import GROUPS

    groups = ("geometry", *(group for group in GROUPS if group != "sts-train"))
    return listed(incomplete, (*groups, *built_in("task")))


def plugins(incomplete: str) -> list[str]:
    """Of every kind."""
    from ablate.builtin import NAMES

    return _among(incomplete, (name for names in NAMES.values() for name in names))


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
