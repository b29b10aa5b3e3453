"""What is found of one cell before any correction. It depends on no other cell, so that it is stored and read back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ablate.record import Samples, from_plain, to_plain
from ablate.statistics.arrays import Floats
from ablate.statistics.compare import AgainstDraws, Interval
from ablate.statistics.power import DrawsMade, ErrorAtPower, smallest_gain
from ablate.statistics.verdict import Claim


@dataclass(frozen=True)
class Rivals:
    """A cell compared with its matched draws or random searches; see :class:`~ablate.statistics.compare.AgainstDraws`.

    tested, share, means, spreads: ``draws``, ``share`` and the arrays of its
        :class:`~ablate.statistics.power.DrawsMade`.
    """

    interval: Interval
    p: float
    draws: int
    beaten: int
    mean: float
    spread: float
    tested: int
    share: float
    means: str
    spreads: str

    @classmethod
    def of(cls, found: AgainstDraws, sign: float) -> Self:
        """sign: 1 where higher is better, else -1, for the interval; all else is on gains."""
        interval, made = found.comparison.interval, found.made
        return cls(
            interval=interval if sign > 0 else interval.reversed(),
            p=found.p,
            draws=found.draws,
            beaten=found.beaten,
            mean=made.mean,
            spread=made.spread,
            tested=made.draws,
            share=made.share,
            means=as_text(made.means),
            spreads=as_text(made.spreads),
        )

    @property
    def made(self) -> DrawsMade:
        return DrawsMade(self.mean, self.spread, self.tested, _floats(self.means), _floats(self.spreads), self.share)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A cell on one task, or on the mean over all, before any correction.

    n: pairs counted. margin: see :class:`~ablate.record.Evidence`.
    dense: against dense. p: two-sided, of the test against dense, studentized or not. claims: the p of each claim
        that can be tested.
    drawn, searched: against matched draws and random searches; None with fewer than two. undrawn: why ``drawn`` is.
    error, permutations: what gain the claims take; see :func:`~ablate.statistics.power.smallest_gain`. boots: its
        ``boots``, where there are rivals, since their gains vary with the cell's from draw to draw.
    samples: of a mean over several tasks.

    Arrays are float64 in base64, which keeps every bit, as JSON does not keep NaN.
    """

    n: int
    margin: float | None
    dense: Interval
    p: float
    studentized: bool
    claims: dict[str, float]
    drawn: Rivals | None
    searched: Rivals | None
    undrawn: str | None
    error: ErrorAtPower
    permutations: int
    boots: str | None
    samples: Samples | None

    def smallest(self, claim: Claim, p: float) -> float | None:
        """The gain that would support ``improves`` or ``better`` with 80 % power, at the largest p that supports it."""
        beaten = [one.made for one in (self.drawn, self.searched) if one] if claim == "improves" else []
        if not beaten or self.boots is None:
            return self.error.smallest_gain(self.dense.se, self.permutations, p)
        return smallest_gain(_floats(self.boots), self.dense.se, self.permutations, p, beaten)


Place = str | None
"""A task, or None for the mean over several."""

Findings = Mapping[Place, Finding]
"""What is found of one cell. Of a single task, there is no mean."""


def to_json(found: Findings) -> list[Any]:
    """As plain JSON values."""
    return [[place, to_plain(finding)] for place, finding in found.items()]


def from_json(plain: Any) -> dict[Place, Finding]:
    """The inverse of :func:`to_json`.

    Raises:
        TypeError, ValueError: it is not what :func:`to_json` gives.
    """
    return {place: from_plain(Finding, finding) for place, finding in plain}


def as_text(array: Floats) -> str:
    """An array as a :class:`Finding` has it."""
    return base64.b64encode(array.astype("<f8").tobytes()).decode()


def _floats(text: str) -> Floats:
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)
