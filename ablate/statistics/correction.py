"""Corrects p-values for multiple tests."""

from __future__ import annotations

from collections.abc import Sequence

METHODS = {"bh": "fdr_bh", "by": "fdr_by", "holm": "holm"}
"""Our name -> statsmodels' name: Benjamini and Hochberg 1995, Benjamini and Yekutieli 2001, Holm 1979."""


def adjust(ps: Sequence[float], method: str = "bh") -> list[float]:
    """The corrected p-values of one family, in the given order. Compare each with the significance level itself."""
    if not ps:
        return []
    # Here, because statsmodels is slow to import, and few commands correct p-values.
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(list(ps), method=METHODS[method])[1]]
