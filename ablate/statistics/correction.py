"""Correction for many tests at once."""

from __future__ import annotations

from collections.abc import Sequence

METHODS = {"bh": "fdr_bh", "by": "fdr_by", "holm": "holm"}
"""Benjamini and Hochberg 1995, Benjamini and Yekutieli 2001, Holm 1979: our name -> that of statsmodels."""


def adjust(ps: Sequence[float], method: str = "bh") -> list[float]:
    """The p-values of one family, corrected: each is to be compared with the level itself. In the order given."""
    if not ps:
        return []
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(list(ps), method=METHODS[method])[1]]
