"""The key ``near_duplicates`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ablate.data.near import SIMILARITY


class NearDuplicates(BaseModel):
    """What happens to items that are almost those that calibrated, trained or chose.

    action: ``drop``: Δ leaves them out; ``report``: they count, and the run says how many there are; ``ignore``: they
        are not looked for.
    similarity: the lowest Jaccard index of near texts; see :mod:`ablate.data.near`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["drop", "report", "ignore"]
    similarity: Annotated[float, Field(gt=0, le=1, strict=True)] = SIMILARITY


REPORT, IGNORE = NearDuplicates(action="report"), NearDuplicates(action="ignore")
