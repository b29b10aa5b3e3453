"""Which of the user's own files are no longer those that stored runs have read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ablate.doctor.finding import Finding
from ablate.errors import AblateError, one_line
from ablate.interrupts import any_failure
from ablate.record import RunRecord
from ablate.store.store import Store
from ablate.tasks.own import KINDS, own_task


def changed_files(store: Store, runs: Iterable[str]) -> list[Finding]:
    """A line for each file that has another hash now, or cannot be read, with the newest run that read it.

    Raises:
        StoreError: the database fails, or the record of a run is damaged.
    """
    read: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}
    for run in sorted(runs):
        for given in (RunRecord.from_plain([], store.about(run)).about.tasks or {}).values():
            if {"file", "sha256"} <= set(given) and given.get("kind") in KINDS:
                read[given["file"], given["sha256"]] = run, given
    lines = []
    for (file, sha256), (run, newest) in read.items():
        state = _state({**newest, "sha256": None, "part": None})
        if state != sha256:
            now = f"its sha256 is {state[:12]} now" if len(state) == len(sha256) else state
            lines.append(
                Finding(
                    file,
                    f"{now}; run {run} read sha256 {sha256[:12]}",
                    f"{file} is not the file that run {run} read (sha256 {sha256[:12]}): {now}. Restore it, so that "
                    "results of that run can be computed again; a new run computes those of the changed file",
                )
            )
    return lines


def _state(given: Mapping[str, Any]) -> str:
    """The hash of a file, or why it cannot be read."""
    try:
        return own_task("own", given)(**given).read().sha256
    except any_failure() as error:  # a damaged file may raise anything
        return f"it cannot be read ({error if isinstance(error, AblateError) else one_line(error)})"
