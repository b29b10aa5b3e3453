"""Reads finished runs from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ablate.errors import StoreError
from ablate.report.results import Results

if TYPE_CHECKING:
    from ablate.store.store import Store


def finished(store: Store, run: str | None) -> Results:
    """The results of a run, by default of the newest that has rows.

    Fields that did not exist in the version of ablate that made the run are None.

    Raises:
        StoreError: there is no such run, it is a study, which has no rows, or its record cannot be read.
    """
    with_rows = [info.id for info in store.runs() if info.rows]
    if run is None and not with_rows:
        raise StoreError(f"{store.name}: no run in it has rows yet; finish one with `ablate run`")
    run = run or with_rows[-1]
    rows, about = store.rows(run), store.about(run)
    if study := about.get("study"):
        raise StoreError(
            f"{store.name}: run {run} is a study, which has no rows; give its `ablate {study}` command again, which "
            "reads its results from the store, or `ablate report`"
        )
    return _results(store, run, rows, about)


def confirming(store: Store, key: str) -> Results | None:
    """The newest run that has judged a cell on its confirm tasks; None if there is none.

    Args:
        key: of the cell, as rows have it.

    Raises:
        StoreError: the record of the run cannot be read.
    """
    for info in reversed(store.runs()):
        rows = store.rows(info.id) if info.rows else []
        if any(row.get("key") == key and row.get("stage") == "confirm" for row in rows):
            return _results(store, info.id, rows, store.about(info.id))
    return None


def _results(store: Store, run: str, rows: list[dict[str, Any]], about: dict[str, Any]) -> Results:
    try:
        # The store may have been moved since.
        return Results.from_plain(rows, {**about, "store": store.name})
    except ValueError as error:
        raise StoreError(f"{store.name}: the record of run {run} cannot be read ({error}); run it again") from None
