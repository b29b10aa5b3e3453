"""The sign test agrees with scipy's binomial test, and is withheld where it could say nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from ablate.errors import Undefined
from ablate.statistics.sign_test import FEWEST, sign_test


@pytest.mark.parametrize("above", range(FEWEST + 1))
def test_p_is_scipys(above: int) -> None:
    gains = np.array([0.2] * above + [-0.1] * (FEWEST - above))
    found = sign_test(gains)
    assert (found.above, found.cases) == (above, FEWEST)
    assert found.p == pytest.approx(binomtest(above, FEWEST, 0.5, alternative="two-sided").pvalue)


def test_the_fewest_are_those_that_can_reach_the_level() -> None:
    assert sign_test(np.ones(FEWEST)).p == pytest.approx(2 / 2**FEWEST)
    assert 2 / 2**FEWEST <= 0.05 < 2 / 2 ** (FEWEST - 1)
    with pytest.raises(Undefined, match="of 5 cannot reach 0.05, even if all agree; it takes 6"):
        sign_test(np.ones(FEWEST - 1))


def test_gains_of_zero_are_left_out() -> None:
    found = sign_test(np.array([0.0, 1, 1, 1, 1, 1, -1]))
    assert (found.above, found.cases) == (5, 6)
    with pytest.raises(Undefined):
        sign_test(np.array([0.0, 1, 1, 1, 1, 1]))
