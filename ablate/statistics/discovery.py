"""Which units improve the model by going, with the false-discovery rate controlled, and which of them elsewhere too?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ablate.statistics.arrays import Floats
from ablate.statistics.correction import adjust


def p_better(gains: Floats, errors: Floats) -> Floats:
    """The one-sided p of each unit, H0: its true gain is at most 0; normal, from the gain over its standard error.

    Normal and not by permutation: of hundreds of units the correction asks the first for p below 0.0002, which a
    permutation test reaches with thousands of draws a unit, and one and the same bootstrap gives the errors that
    :func:`ablate.statistics.hurting_share.share` needs. A gain without any error is certain; no gain is none.

    Args:
        gains, errors: [units]; errors at least 0.
    """
    certain = np.where(gains > 0, np.inf, -np.inf)
    return np.asarray(norm.sf(np.divide(gains, errors, out=certain, where=errors > 0)), np.float64)


def discoveries(gains: Floats, errors: Floats, rate: float = 0.05) -> NDArray[np.bool_]:
    """The units whose removal improves, bool [units]: of these at most ``rate`` are expected to be false.

    Benjamini and Hochberg (1995) on :func:`p_better`.
    """
    return np.array(adjust(p_better(gains, errors).tolist(), "bh")) <= rate


def confirmed(gains: Floats, errors: Floats, level: float = 0.05) -> NDArray[np.bool_]:
    """Which of the units that were found elsewhere improve on these pairs too, bool [units].

    One test a unit, uncorrected: if none truly improved, ``level`` of them would pass.
    """
    return p_better(gains, errors) <= level
