"""The verdict on a cell, from corrected p-values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Claim = Literal["harms", "improves", "better", "harmless", "worse"]
"""What is tested of a cell, in the order in which a verdict prefers them:

harms: the gain is below minus the margin. improves: there is a gain, and random units do not bring it. better: there
is a gain over dense. harmless: the gain is above minus the margin. worse: the gain over dense is negative.
"""

Verdict = Literal[Claim, "undecided"]

CLAIMS: tuple[Claim, ...] = get_args(Claim)
VERDICTS: tuple[Verdict, ...] = (*CLAIMS, "undecided")

CLAIM_DRAWS = 20
"""The fewest matched draws that a claim is set against: fewer say too little of how much random masks vary."""

FEWEST_SEEDS = 3
"""Train seeds without which nothing is said of what another seed would have given."""


def verdict(level: float, corrected: Mapping[Claim, float]) -> Verdict:
    """The first of :data:`CLAIMS` whose test supports it, else ``undecided``.

    So ``worse`` is said of a cell that is shown to be worse than dense, and shown neither to be within the margin nor
    beyond it.

    Args:
        corrected: the corrected p of each claim that was tested.
    """
    return next((claim for claim in CLAIMS if corrected.get(claim, 1.0) <= level), "undecided")
