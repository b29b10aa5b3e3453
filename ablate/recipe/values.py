"""The types of single values in a recipe, and the messages about wrong values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from ablate.models.spec import LABEL
from ablate.recipe.explain import CUSTOM_ERROR, shown


def wrong(text: str, *at: str) -> PydanticCustomError:
    """The error that a validator raises about a wrong value.

    Args:
        text: the complete message.
        at: keys that lead from the validated value to the wrong one, where pydantic does not know them.
    """
    return PydanticCustomError(CUSTOM_ERROR, "{text}", {"text": text, "at": at} if at else {"text": text})


def named(what: str, model: type[BaseModel], key: str | None = None) -> BeforeValidator:
    """A validator by which a plain name abbreviates ``{key: name}``. ``key`` is ``what`` unless given."""
    key = key or what

    def spelled_out(value: Any) -> Any:
        if isinstance(value, str):
            return {key: value}
        if not isinstance(value, dict | BaseModel):
            article = "an" if what[0] in "aeiou" else "a"
            raise wrong(f"{article} {what} is a name, or a mapping such as {{{key}: NAME}}, not {shown(value)}")
        return value

    return BeforeValidator(spelled_out, json_schema_input_type=str | model)


def distinct(start: str = "a value is listed twice") -> Callable[[Any], Any]:
    """A validator that refuses a list with a repeated value. Its message begins with ``start``."""

    def refuse_repeated(value: Any) -> Any:
        if isinstance(value, list) and len(value) != len(set(map(str, value))):
            raise wrong(f"{start}: {shown(', '.join(map(str, value)))}; list each once")
        return value

    return refuse_repeated


def _sparsity(value: Any) -> Any:
    if value == "negative":
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1:
        return value + 0.0  # -0.0 becomes 0.0, which is one key, not two
    text = f"a sparsity is the fraction removed, a number from 0 to below 1, or `negative`, not {shown(value)}"
    number = re.fullmatch(r"(\d+(?:\.\d+)?) *(%?)", str(value))
    if number and (number[2] or float(number[1]) > 1) and float(number[1]) < 100:
        text += f"; write {float(number[1]) / 100:g} for {float(number[1]):g} %"
    elif number and isinstance(value, str):
        text += "; write it without quotes"
    raise wrong(text)


def _device(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"auto|cpu|mps|cuda(:(0|[1-9]\d*))?", value):
        return value
    raise wrong(f"a device is auto, cpu, cuda, cuda:N (a number from 0) or mps, not {shown(value)}")


def _label(value: Any) -> Any:
    if isinstance(value, str) and not (value.strip() and value.isprintable() and len(value) <= LABEL):
        raise wrong(f"a label is 1 to {LABEL} printable characters, which {shown(value)} is not; choose another")
    return value


_Fraction = Annotated[float, Field(ge=0, lt=1, strict=True)]

Sparsity = Annotated[
    _Fraction | Literal["negative"],
    BeforeValidator(_sparsity, json_schema_input_type=_Fraction | Literal["negative"]),
]
Label = Annotated[str, BeforeValidator(_label)]
Device = Annotated[str, BeforeValidator(_device)]
Scope = Literal["global", "layer"]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
# The limits are far beyond what anyone waits for. They keep a slip of the keyboard from a run that never ends.
Count = Annotated[int, Field(ge=0, le=10_000_000, strict=True)]
Draws = Annotated[int, Field(ge=0, le=10_000, strict=True)]
Steps = Annotated[int, Field(ge=1, le=10_000, strict=True)]
Amount = Annotated[int, Field(ge=1, le=10_000_000, strict=True)]
Dim = Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
Dims = Annotated[list[Dim], BeforeValidator(distinct("a dimension is listed twice"), json_schema_input_type=list[Dim])]
