"""The sign test: whether gains in independent cases are as often above 0 as below."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import binomtest

from ablate.errors import Undefined
from ablate.statistics.arrays import Floats
from ablate.statistics.compare import SAME

FEWEST = 6
"""With five cases, the two-sided p is 0.0625 even if all agree."""


@dataclass(frozen=True)
class SignTest:
    """Of ``cases`` with a gain other than 0, ``above`` have one above 0. p: two-sided, of the claim that more or fewer
    than half of all such cases have."""

    above: int
    cases: int
    p: float


def sign_test(gains: Floats) -> SignTest:
    """Tests gains, float64 [cases]. Cases with a gain of 0 say nothing and are left out.

    Raises:
        Undefined: fewer than :data:`FEWEST` cases are left.
    """
    above, below = int((gains > SAME).sum()), int((gains < -SAME).sum())
    cases = above + below
    if cases < FEWEST:
        raise Undefined(f"a two-sided sign test of {cases} cannot reach 0.05, even if all agree; it takes {FEWEST}")
    return SignTest(above, cases, float(binomtest(above, cases, 0.5).pvalue))
