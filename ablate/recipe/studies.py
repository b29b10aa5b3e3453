"""The keys of a recipe for ``ablate stability`` and ``ablate prevalence``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ablate.recipe.values import Amount, Seed, distinct

Size = Annotated[int, Field(ge=2, le=10_000_000, strict=True)]


def _rising(value: list[int]) -> list[int]:
    return sorted(set(value)) if isinstance(value, list) and all(isinstance(v, int) for v in value) else value


Sizes = Annotated[list[Size], Field(min_length=1), BeforeValidator(_rising, json_schema_input_type=list[Size])]


class Stability(BaseModel):
    """The calibration sets that are compared: variations of the recipe's ``calibration``.

    calibration_seeds: at least 2, because sets of one seed are parts of one another and would agree for that reason.
    sizes: how many pairs, and as many sentences. Each size is drawn with every calibration seed.
    batch_sizes: each with the recipe's calibration seed and size.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    calibration_seeds: Annotated[
        list[Seed],
        Field(min_length=2),
        BeforeValidator(distinct("a value is listed twice in calibration_seeds"), json_schema_input_type=list[Seed]),
    ] = [0, 1, 2, 3, 4]
    sizes: Sizes = [64, 128, 256, 512, 1024]
    batch_sizes: Sizes = [16, 32, 64, 128]


class Prevalence(BaseModel):
    """How ``ablate prevalence`` counts the units that hurt the model, by exact removal.

    groups: granularity -> into how many groups the units of a layer are divided; the units of a group are removed
        together. For a granularity that is absent or null, each unit is removed alone.
    by: the scorer that ranks the units of a layer before they are divided into groups.
    confirm: the tasks on which the units found are confirmed; an empty list skips this. By default stsb and sickr, or
        the group ``sts`` if the source lacks these.
    effect: a unit hurts if the model gains more than this without it, in the unit of the tasks, such as points.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    groups: dict[str, Amount | None] = {"neuron": 48, "unstructured": 24}
    by: str = "magnitude"
    confirm: list[str] | None = None
    effect: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)] = 0.05
