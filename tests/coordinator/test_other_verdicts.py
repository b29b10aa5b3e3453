"""Cells that an earlier run judged otherwise by the same scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ablate.coordinator.other_verdicts import other_verdicts
from ablate.record import JUDGMENT, Evidence, to_plain
from ablate.store.store import Store
from tests.report_rows import a_run, judged


def on_confirm() -> list[Evidence]:
    return [item for item in judged(a_run()).evidence if item.stage == "confirm" and item.task is None]


def put(store: Store, items: list[Evidence], judgment: int = JUDGMENT) -> str:
    run = store.begin_run({"command": "earlier"})
    store.put_rows(run, [], {"evidence": to_plain(items), "judgment": judgment})
    return run


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "undecided"}, True),
        ({"verdict": "undecided", "delta": 9.0}, False),
        ({"verdict": "undecided", "margin": 0.5}, False),
        ({"verdict": "undecided", "correction": "holm"}, False),
        ({}, False),
    ],
)
def test_another_verdict_by_the_same_scores_is_said(tmp_path: Path, change: dict[str, Any], said: bool) -> None:
    items = on_confirm()
    first = next(item for item in items if item.against == "dense" and item.verdict not in ("improves", "undecided"))
    kept = [replace(item, **change) if item == first else item for item in items]
    with Store(tmp_path / "s.db") as store:
        earlier = put(store, [item for item in kept if item.cell == first.cell])
        lines = other_verdicts(store, "now", items, several=False)
    assert lines == (
        (
            f"{first.cell} (confirm): {first.verdict} here, undecided in run {earlier}, by the same scores. Verdicts are "
            "corrected over the cells judged together, 16 here and 1 there.",
        )
        if said
        else ()
    )


def test_other_draws_and_other_rules_are_not_compared(tmp_path: Path) -> None:
    items = on_confirm()
    best = next(item for item in items if item.against == "dense" and item.verdict == "improves")
    other = [replace(item, verdict="better") if item == best else item for item in items]
    drawn = [replace(item, p_beats=0.5) if item.against == "matched" else item for item in other]
    with Store(tmp_path / "s.db") as store:
        put(store, drawn)
        put(store, other, judgment=JUDGMENT - 1)
        assert other_verdicts(store, "now", items, several=False) == ()
        put(store, other)
        (line,) = other_verdicts(store, "now", items, several=True)
    assert line.startswith(f"{best.cell} of minilm (confirm): improves here, better in run")
