"""Where in the depth of a model units lie, so that models with different numbers of layers can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ablate.errors import Undefined

PARTS = 3


def thirds(counts: Sequence[int]) -> tuple[float, ...]:
    """The share of units in the first, middle and last third of the depth; the three add up to 1.

    Layer l of n fills the depth from l/n to (l+1)/n, and what lies across a border is divided in proportion. So if each
    layer has as many units as any other, each third has a third, whatever n is.

    Args:
        counts: how many there are in each layer, from the input on.

    Raises:
        Undefined: there is no unit.
    """
    if not sum(counts):
        raise Undefined("no unit is removed")
    edges = np.linspace(0, 1, len(counts) + 1)
    below = np.concatenate([[0.0], np.cumsum(counts) / sum(counts)])
    borders = np.interp(np.linspace(0, 1, PARTS + 1), edges, below)
    return tuple(float(share) for share in np.diff(borders))
