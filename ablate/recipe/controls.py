"""The section ``controls`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ablate.recipe.values import Draws, Seed, wrong


class Controls(BaseModel):
    """The controls of the cells.

    matched: how many random draws for each confirmed cell. A draw removes as many units in each layer as the cell does.
    screened: the same for each screened cell.
    searched: how many random searches for each confirmed cell that a search on dev found. Each draws as many matched
        masks as that search scored, and its best on dev is a rival of the cell, so it costs as much as the search.
    stop_early: whether a cell gets no matched draws if it is no better than dense, and no more once it beats them for
        certain or can hardly beat them, looked at after 5, 10, 20 and so on. With fewer than 9 draws
        there is no look before the last.
    flipped: whether confirmed cells are also compared with removing the highest contributions.
    control_seed: the seed of the first draw. Each further draw has the next seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    matched: Draws = 20
    screened: Draws = 0
    searched: Draws = 0
    flipped: bool = False
    control_seed: Seed = 0
    stop_early: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _of_draws(self) -> Controls:
        if self.stop_early and not max(self.matched, self.screened):
            raise wrong(
                "no draws are asked for, so none can stop early; set matched or screened, or leave it out", "stop_early"
            )
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # So that the record of a run without it is the one that it always was.
        plain: dict[str, Any] = serialize(self)
        if not self.stop_early:
            plain.pop("stop_early", None)
        return plain
