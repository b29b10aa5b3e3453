"""The key ``search`` of a prune step."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_Number = Annotated[int, Field(ge=1, le=10_000, strict=True)]

_BORDER, _MOST = 6, 8


class Swap(BaseModel):
    """After the scorer, removed units are swapped for kept ones, as long as the screen tasks gain.

    border: how many removed units with the highest contributions, and how many kept units with the lowest, may be
        swapped, at each granularity of the step; with ``scope: layer`` in each layer.
    most: how many swaps are made at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["swap"] = "swap"
    border: _Number = _BORDER
    most: _Number = _MOST

    def __str__(self) -> str:
        default = (self.border, self.most) == (_BORDER, _MOST)
        return "with swaps" if default else f"with swaps (border {self.border}, most {self.most})"
