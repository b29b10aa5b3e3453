"""The verdict on a cell, from corrected p-values."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["improves", "harmless", "harms", "undecided"]


def verdict(level: float, harms: float | None, improves: float | None, harmless: float | None) -> Verdict:
    """The first of harms, improves and harmless that its test supports; undecided if none is supported.

    Args:
        harms: corrected p of the claim that the gain is below minus the margin.
        improves: corrected p of the claim that the cell is better than dense and than its matched draws.
        harmless: corrected p of the claim that the gain is above minus the margin.

    Each is None if its claim was not tested.
    """
    claims: tuple[tuple[Verdict, float | None], ...] = (
        ("harms", harms),
        ("improves", improves),
        ("harmless", harmless),
    )
    return next((name for name, p in claims if p is not None and p <= level), "undecided")
