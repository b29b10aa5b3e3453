"""The contract of plug-in classes of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ablate.models.model import Model
from ablate.plugin import Plugin
from ablate.testing.contract import ContractBroken, require
from ablate.testing.state import State

FAMILIES = ("bert", "distilbert", "mpnet")
"""The families that the contracts of scorers are checked on. Their modules have different names and shapes."""

STRUCTURES = ("bert", "mpnet", "albert", "deberta", "modernbert", "t5", "qwen3")
"""A family of each structure: plain, a shared position bias, shared layers, query, key and value in one module by head
and one after the other, no biases, and grouped queries."""

_UNKNOWN = "no_plugin_has_a_parameter_of_this_name"

P = TypeVar("P", bound=Plugin)


def check_plugin(plugin: type[P], base: type[Plugin], **parameters: Any) -> P:
    """Checks name, help, version and parameters of a class.

    Args:
        plugin: the class.
        base: the base class of its kind.
        parameters: as a recipe would give them.

    Returns:
        The plug-in with these parameters.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    require(isinstance(plugin, type) and issubclass(plugin, base), f"{plugin!r} is not a subclass of {base.__name__}")
    who = plugin.__name__
    for attribute in ("name", "help"):
        text = getattr(plugin, attribute, None)
        require(isinstance(text, str) and bool(text), f"{who} has no {attribute}: a ClassVar[str]")
        require(len(str(text).splitlines()) == 1, f"{who}.{attribute} is more than one line: {text!r}")
    require(
        not any(c.isspace() or c in ",=" for c in plugin.name),
        f"{who}.name {plugin.name!r} has a blank, ',' or '=', so flags could not name it",
    )
    require(
        isinstance(plugin.version, int) and plugin.version >= 1,
        f"{who}.version is {plugin.version!r}; it must be a number from 1 that is raised whenever results change",
    )
    try:
        instance = plugin.model_validate(parameters)
    except ValidationError as error:
        raise ContractBroken(f"{who} refuses the parameters {parameters}: {error}") from None
    try:
        plugin.model_validate({**parameters, _UNKNOWN: 1})
    except ValidationError:
        pass
    else:
        raise ContractBroken(f"{who} accepts a parameter that it does not have; leave extra='forbid' as it is")
    _check_parameters(plugin, instance)
    require(plugin.model_config.get("frozen") is True, f"{who} can be changed; leave frozen=True as it is")
    # Instances are keys of mappings: scores and masks are looked up by them.
    again = plugin.model_validate(parameters)
    require(instance == again and hash(instance) == hash(again), f"two {who} with the same parameters are not equal")
    try:
        json.dumps(instance.identity(), allow_nan=False)
        plugin.model_json_schema()
    except Exception as error:
        raise ContractBroken(f"the parameters of {who} cannot be written as JSON: {error}") from error
    return instance


def _check_parameters(plugin: type[Plugin], instance: Plugin) -> None:
    """Checks that every parameter has a type and a default that a recipe could set, and survives being stored."""
    # A recipe is stored as JSON, and other processes create the plug-in from it.
    stored = instance.model_dump(mode="json", by_alias=True, exclude_unset=True)
    try:
        again = plugin.model_validate(stored)
    except ValidationError as error:
        raise ContractBroken(f"{plugin.__name__} refuses its own parameters {stored}: {error}") from None
    require(
        again.identity() == instance.identity(),
        f"{plugin.__name__} changes when its parameters are written and read: {stored}",
    )
    for name, field in plugin.model_fields.items():
        key = field.alias or name
        if not field.is_required():
            try:
                _check_default(field)
            except ValidationError as error:
                raise ContractBroken(
                    f"{plugin.__name__} refuses the default of its parameter '{key}': {error}"
                ) from None
        try:
            plugin.model_validate({**stored, key: _AnyObject()})
        except ValidationError:
            continue
        raise ContractBroken(f"{plugin.__name__} accepts any object for its parameter '{key}'; give it a type")


def _check_default(field: FieldInfo) -> None:
    # Pydantic does not validate defaults. An adapter does, with the type and the bounds of the field.
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    TypeAdapter(annotation).validate_python(field.get_default(call_default_factory=True))


class _AnyObject:
    """An object that is not a valid value of any parameter."""


@contextmanager
def borrowed(model: Model, who: str) -> Iterator[None]:
    """Checks that the code in its block leaves a model unchanged.

    Raises:
        ContractBroken: the model differs at the end of the block.
    """
    state = State.of(model)
    try:
        yield
    finally:
        changes = state.changes(model)
    require(not changes, f"{who} changes the model: {'; '.join(changes[:3])}")
