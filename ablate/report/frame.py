"""Rows as a pandas data frame, in which a column has the same type for every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = {"seed", "units_removed", "params_removed", "steps", "train_seed", "n", "n_clean", "draw"}
_WHOLE |= {"params_total", "units_total", "draws_made", "draws_asked"}
_NUMBERS = {"sparsity_achieved", "score", "dense", "delta", "score_clean", "dense_clean", "delta_clean", "seconds"}
_NUMBERS |= {"low", "high", "p_different", "smallest_improves", "smallest_better"}
_NUMBERS |= {"q_harms", "q_improves", "q_better", "q_harmless", "q_worse"}
_TRUTHS = {"higher_is_better", "chosen", "cached"}


def as_frame(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> pd.DataFrame:
    """A data frame of the rows, in nullable types. ``sparsity`` has type object if one of its values is ``negative``.

    Raises:
        ImportError: pandas is not installed.
    """
    import pandas as pd

    # Left to itself, pandas turns integers into floats where a value is None.
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=_type(name, rows)) for name in fields})


def _type(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if name == "sparsity":
        return "object" if any(isinstance(row[name], str) for row in rows) else "Float64"
    for kind, names in (("Int64", _WHOLE), ("Float64", _NUMBERS), ("boolean", _TRUTHS)):
        if name in names:
            return kind
    return "string"
