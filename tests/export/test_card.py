"""The card of an export: the marks of verdicts, their legend, and how many matched draws stand behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ablate.export.card import card
from ablate.export.folder import Weights
from ablate.export.origin import Origin
from ablate.export.record import Exported
from ablate.record import Row
from tests.report_rows import about, cell

CELL = cell("head", "align", 0.1, task="stsb", stage="confirm", delta=0.4)


def exported(row: Row, draws: int) -> Exported:
    return Exported(
        folder=Path("small"),
        cell=row.cell,
        origin=Origin("an-encoder"),
        units=(("head", 7, 72),),
        rows=[row],
        about=about(recipe={}, versions={}),
        difference=0.0,
        plain=True,
        size=2**20,
        original=Weights(2**21, "float32"),
        parameters=100,
        zeros=0,
        onnx=None,
        dense=None,
        cost=None,
        draws=draws,
    )


def told(verdict: str | None, draws: int = 3, delta: float = 0.4) -> str:
    row = replace(CELL, verdict=verdict, delta_clean=delta, low=delta - 0.2, high=delta + 0.2)
    return " ".join(card(exported(row, draws)).split())


def test_a_card_shows_the_mark_beside_the_change() -> None:
    assert "| +0.40 △ | +0.20 to +0.60 |" in told("better")
    assert "| -0.40 ▽ | -0.60 to -0.20 |" in told("worse", delta=-0.4)


@pytest.mark.parametrize("verdict", ["better", "worse", "improves"])
def test_a_card_with_a_verdict_has_the_legend(verdict: str) -> None:
    text = told(verdict)
    assert "△ better than dense, random units not excluded" in text
    assert "▽ worse than dense, not shown whether by more or less than the margin" in text


@pytest.mark.parametrize(
    ("draws", "said"),
    [
        (0, "Matched draws of the cell: none; a claim takes at least 20."),
        (19, "Matched draws of the cell: 19; a claim takes at least 20."),
        (20, "Matched draws of the cell: 20."),
    ],
)
def test_a_card_counts_the_draws_and_says_how_many_a_claim_takes(draws: int, said: str) -> None:
    assert said in told("better", draws)


@pytest.mark.parametrize(
    ("made", "asked", "said"),
    [
        (0, 20, "Matched draws of the cell: none of 20, for it is no better than dense."),
        (5, 20, "Matched draws of the cell: 5 of 20, stopped early."),
        (20, 20, "Matched draws of the cell: 20."),
        (5, 9, "Matched draws of the cell: 5 of 9, stopped early; a claim takes at least 20."),
    ],
)
def test_a_card_says_that_draws_stopped_early(made: int, asked: int, said: str) -> None:
    row = replace(CELL, verdict="better", delta_clean=0.4, low=0.2, high=0.6, draws_made=made, draws_asked=asked)
    assert said in " ".join(card(exported(row, made)).split())


def test_a_card_without_a_verdict_explains_none() -> None:
    text = told(None)
    assert "△" not in text
    assert "Matched draws" not in text
    assert "| +0.40 |" in text
