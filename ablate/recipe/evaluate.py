"""The section ``evaluate`` of a recipe."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from ablate.recipe.values import Seed, wrong


class Evaluate(BaseModel):
    """How cells are evaluated.

    racing: screen the cells of the grid on growing parts of the items, and stop those that cannot be the best of their
        scorer × granularity any more. What is stopped has no verdict and is never confirmed.
    racing_margin: by how many points the best cell may be better than the chosen one, if racing stops it.
    racing_seed: the seed of the order in which racing takes the items.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    racing: Annotated[bool, Field(strict=True)] = False
    racing_margin: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = 0.1
    racing_seed: Seed = 0

    @model_validator(mode="before")
    @classmethod
    def _gone(cls, value: Any) -> Any:
        if isinstance(value, dict) and "materialize" in value:
            text = "materialize is gone: cells are always evaluated under a mask, with the same scores; delete this key"
            raise wrong(text, "materialize")
        return value

    @model_serializer(mode="wrap")
    def _as_before_racing(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Without racing, a recorded recipe is that of an ablate that had none, so that runs of both are of one recipe.
        return {name: value for name, value in plain(self).items() if self.racing or not name.startswith("racing")}
