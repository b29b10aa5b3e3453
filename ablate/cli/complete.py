"""Shell completion of the values of options and arguments. Nothing here raises or prints.

Of plug-ins, only the built-in ones are offered. To learn the names of others, their modules would have to be imported,
and such a module may be slow, print or exit.
"""

from __future__ import annotations

from collections.abc import Iterable

from typer import Context

STORE = "ablate.db"
"""Where results are stored by default."""


def listed(incomplete: str, names: Iterable[str]) -> list[str]:
    """Completes the last item of a comma-separated list with the names that are not in the list yet."""
    before, comma, last = incomplete.rpartition(",")
    listed_before = before.split(",")
    return [f"{before}{comma}{name}" for name in names if name.startswith(last) and name not in listed_before]


def built_in(kind: str) -> tuple[str, ...]:
    """The names of the built-in plug-ins of one of :data:`~ablate.plugins.KINDS`."""
    from ablate.builtin import NAMES  # imported here, because `ablate --help` must import no plug-in, not even ours

    return NAMES[kind]


def scorers(incomplete: str) -> list[str]:
    return listed(incomplete, built_in("scorer"))


def granularities(incomplete: str) -> list[str]:
    return listed(incomplete, built_in("granularity"))


def executors(incomplete: str) -> list[str]:
    return listed(incomplete, built_in("executor"))


def tasks(incomplete: str) -> list[str]:
    """Groups of tasks, then tasks."""
    from ablate.data.names import GROUPS

    groups = ("geometry", *(group for group in GROUPS if group != "sts-train"))
    return listed(incomplete, (*groups, *built_in("task")))


def plugins(incomplete: str) -> list[str]:
    """The built-in plug-ins of every kind."""
    from ablate.builtin import NAMES

    return _among(incomplete, (name for names in NAMES.values() for name in names))


def runs(ctx: Context, incomplete: str) -> list[str]:
    """The runs of a store, newest first; nothing if the store is not a SQLite file."""
    import sqlite3
    from contextlib import closing
    from urllib.parse import quote

    try:
        # Read-only, so that completion never creates a store. Without SQLAlchemy, because its import is slow.
        with closing(sqlite3.connect(f"file:{quote(ctx.params.get('store') or STORE)}?mode=ro", uri=True)) as store:
            rows = store.execute("SELECT id FROM ablate_runs ORDER BY number DESC").fetchall()
    except sqlite3.Error:  # there is no such file, or it is not a store of ablate
        return []
    return _among(incomplete, [str(run) for (run,) in rows])


def data(incomplete: str) -> list[str]:
    return _among(incomplete, ("auto", "embedded", "hub", "senteval", "senteval:"))


def data_sets(incomplete: str) -> list[str]:
    """The data sets and groups that ``ablate data fetch`` can download."""
    from ablate.data.hub import HUB
    from ablate.data.names import GROUPS

    groups = (group for group, members in GROUPS.items() if set(members) <= set(HUB))
    return _among(incomplete, dict.fromkeys((*groups, *HUB)))


def device(incomplete: str) -> list[str]:
    return _among(incomplete, ("auto", "cpu", "cuda", "cuda:0", "mps"))


def precision(incomplete: str) -> list[str]:
    return _among(incomplete, ("float32", "bf16", "fp16"))


def pooling(incomplete: str) -> list[str]:
    from typing import get_args

    from ablate.models.spec import Pooling

    return _among(incomplete, get_args(Pooling))


def model(incomplete: str) -> list[str]:
    """The embedded model. For anything else the shell completes folders."""
    return _among(incomplete, ("minilm",))


def _among(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
