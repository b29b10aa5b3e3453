"""Corrects p-values for multiple tests."""

from __future__ import annotations

from collections.abc import Sequence

METHODS = ("bh", "by", "holm")
"""Benjamini and Hochberg 1995, Benjamini and Yekutieli 2001, Holm 1979."""


def sure_level(level: float, family: int, method: str = "bh") -> float:
    """The largest p in a family of that size which is supported at ``level`` whatever the other p are."""
    harmonic = sum(1 / rank for rank in range(1, family + 1)) if method == "by" else 1.0
    return level / (family * harmonic)


def adjust(ps: Sequence[float], method: str = "bh") -> list[float]:
    """The corrected p-values of one family, in the given order. Compare each with the significance level itself."""
    if not ps:
        return []
    if method == "holm":
        # Here, because statsmodels is slow to import. It also collects garbage at each call, which takes 0.2 s.
        from statsmodels.stats.multitest import multipletests

        return [float(p) for p in multipletests(list(ps), method="holm")[1]]
    from scipy.stats import false_discovery_control

    return [float(p) for p in false_discovery_control(ps, method="by" if method == "by" else "bh")]
