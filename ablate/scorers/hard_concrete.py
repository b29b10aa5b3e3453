"""The hard concrete distribution of gates: numbers in [0, 1], of which many are exactly 0 or 1.

From Louizos, Welling and Kingma (2018, arXiv 1712.01312, section 2.2), with their β, γ and ζ: a gate is
``min(1, max(0, s·(ζ - γ) + γ))`` with ``s = sigmoid((log u - log(1 - u) + log α) / β)`` for a uniform u.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1

_CLOSED_AT = BETA * log(-GAMMA / ZETA)
_HALVINGS = 60


def median(log_alpha: Tensor) -> Tensor:
    """The median of each gate, float [gates], in [0, 1]: eqs. 10 and 11 for ``u = 1/2``."""
    return (torch.sigmoid(log_alpha / BETA) * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


def closed(log_alpha: Tensor) -> Tensor:
    """The probability that each gate is 0, float [gates] (1 minus eq. 12)."""
    return torch.sigmoid(_CLOSED_AT - log_alpha)


def shifted(log_alpha: Tensor, share: float) -> Tensor:
    """log α plus one number for all gates, such that on average the ``share`` of them is closed.

    Args:
        log_alpha: float [gates], at least one.
        share: in (0, 1).
    """
    # `closed` falls as the number grows. Between these bounds it is 1 and 0 to the rounding of float32.
    low, high = -40.0 - float(log_alpha.max()), 40.0 - float(log_alpha.min())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float(closed(log_alpha + middle).mean()) > share:
            low = middle
        else:
            high = middle
    return log_alpha + (low + high) / 2
