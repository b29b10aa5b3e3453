"""What a recipe says of ``ablate stability`` and ``ablate prevalence``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ablate.recipe.values import Seed, distinct

Size = Annotated[int, Field(ge=2, strict=True)]


def _rising(value: list[int]) -> list[int]:
    return sorted(set(value)) if isinstance(value, list) and all(isinstance(v, int) for v in value) else value


Sizes = Annotated[list[Size], Field(min_length=1), BeforeValidator(_rising, json_schema_input_type=list[Size])]


class Stability(BaseModel):
    """What the calibration set is varied over, one thing at a time from the recipe's ``calibration``.

    calibration_seeds: at least 2: sets of one seed are cut from one another, and so agree by themselves.
    sizes: pairs, and as many sentences; each at every calibration seed.
    batch_sizes: at the recipe's calibration seed and size.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    calibration_seeds: Annotated[
        list[Seed],
        Field(min_length=2),
        BeforeValidator(distinct("calibration_seeds has one twice"), json_schema_input_type=list[Seed]),
    ] = [0, 1, 2, 3, 4]
    sizes: Sizes = [64, 128, 256, 512, 1024]
    batch_sizes: Sizes = [16, 32, 64, 128]


class Prevalence(BaseModel):
    """How exact removal counts the units that hurt.

    groups: granularity -> groups of units a layer that are removed together; one that is not named, or has null, has
        each unit removed alone.
    by: the scorer that ranks a layer's units before they are cut into groups.
    confirm: the tasks on which those found are confirmed, none at all to leave that out; by default stsb and sickr,
        or the group ``sts`` of a source that lacks these.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    groups: dict[str, Annotated[int, Field(ge=1, strict=True)] | None] = {"neuron": 48, "unstructured": 24}
    by: str = "magnitude"
    confirm: list[str] | None = None
