"""Tests which units improve the model when they are removed, and which of them do so again on other data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ablate.statistics.arrays import Floats
from ablate.statistics.correction import adjust


def p_better(gains: Floats, errors: Floats) -> Floats:
    """The one-sided p of each unit, float64 [units], by a normal test of H0: its true gain is at most 0.

    It is not a permutation test: among hundreds of units, the correction requires p below 0.0002 of the first, which
    would take thousands of permutations for each unit. The errors come from the bootstrap that
    :func:`ablate.statistics.hurting_share.share` needs in any case.

    Args:
        gains, errors: float64 [units]; errors are standard errors, at least 0. Where the error is 0, p is 0 for
            a gain above 0 and 1 otherwise.
    """
    certain = np.where(gains > 0, np.inf, -np.inf)
    return np.asarray(norm.sf(np.divide(gains, errors, out=certain, where=errors > 0)), np.float64)


def discoveries(gains: Floats, errors: Floats, rate: float = 0.05) -> NDArray[np.bool_]:
    """The units whose removal improves the model, bool [units], at the false-discovery rate ``rate``.

    By the procedure of Benjamini and Hochberg (1995) on :func:`p_better`.
    """
    return np.array(adjust(p_better(gains, errors).tolist(), "bh")) <= rate


def confirmed(gains: Floats, errors: Floats, level: float = 0.05) -> NDArray[np.bool_]:
    """Which of the units found on other pairs improve the model on these pairs too, bool [units].

    One uncorrected test for each unit: if none truly improved the model, a share ``level`` of them would pass.
    """
    return p_better(gains, errors) <= level
