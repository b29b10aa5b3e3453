"""Reads a finished run from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ablate.errors import StoreError
from ablate.report.results import Results

if TYPE_CHECKING:
    from ablate.store.store import Store


def finished(store: Store, run: str | None) -> Results:
    """A run's results, the newest that has rows unless one is named.

    Fields that the ablate which made it did not have yet are None.

    Raises:
        StoreError: there is none, or none of that name; it is a study, which has no rows; or its record cannot be read.
    """
    known = [one.id for one in store.runs() if one.rows]
    if run is None and not known:
        raise StoreError(f"{store.name}: no run in it has rows yet; finish one with `ablate run`")
    wanted = run or known[-1]
    rows, about = store.rows(wanted), store.about(wanted)
    if study := about.get("study"):
        raise StoreError(
            f"{store.name}: run {wanted} is a study, and has no rows; give its `ablate {study}` command again, which "
            "computes nothing anew, or `ablate report`"
        )
    try:
        return Results.from_plain(rows, about)
    except ValueError as error:
        raise StoreError(f"{store.name}: the record of run {wanted} cannot be read ({error}); run it again") from None
