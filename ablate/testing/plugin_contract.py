"""What every plug-in class owes, whatever its kind."""

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
"""The families that a contract is checked on: their modules have different names and shapes."""

_UNKNOWN = "no_plugin_has_a_parameter_of_this_name"

P = TypeVar("P", bound=Plugin)


def check_plugin(plugin: type[P], base: type[Plugin], **parameters: Any) -> P:
    """Name, help, version, and parameters that refuse what is unknown.

    Args:
        plugin: the class.
        base: the class of its kind that it has to inherit from.
        parameters: as a recipe would give them.

    Returns:
        The plug-in with these parameters.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    require(isinstance(plugin, type) and issubclass(plugin, base), f"{plugin!r} is no subclass of {base.__name__}")
    who = plugin.__name__
    for attribute in ("name", "help"):
        text = getattr(plugin, attribute, None)
        require(isinstance(text, str) and bool(text), f"{who} has no {attribute}: a ClassVar[str]")
        require(len(str(text).splitlines()) == 1, f"{who}.{attribute} is more than one line: {text!r}")
    require(
        not any(c.isspace() or c in ",=" for c in plugin.name),
        f"{who}.name {plugin.name!r} has a blank, ',' or '=', which recipes and flags could not give",
    )
    require(
        isinstance(plugin.version, int) and plugin.version >= 1,
        f"{who}.version is {plugin.version!r}; it is a number from 1 that goes up whenever results change",
    )
    try:
        made = plugin.model_validate(parameters)
    except ValidationError as error:
        raise ContractBroken(f"{who} refuses the parameters {parameters}: {error}") from None
    try:
        plugin.model_validate({**parameters, _UNKNOWN: 1})
    except ValidationError:
        pass
    else:
        raise ContractBroken(f"{who} accepts a parameter that it does not have; leave extra='forbid' as it is")
    _check_parameters(plugin, made)
    require(plugin.model_config.get("frozen") is True, f"{who} can be changed; leave frozen=True as it is")
    again = plugin.model_validate(parameters)
    require(made == again and hash(made) == hash(again), f"two {who} of the same parameters are not equal")
    try:
        json.dumps(made.identity(), allow_nan=False)
        plugin.model_json_schema()
    except Exception as error:
        raise ContractBroken(f"the parameters of {who} cannot be written as JSON: {error}") from error
    return made


def _check_parameters(plugin: type[Plugin], made: Plugin) -> None:
    """Checks that every parameter is of a type, and that its default is a value that a recipe could give."""
    given = made.model_dump(mode="json", by_alias=True, exclude_unset=True)
    try:
        again = plugin.model_validate(given)
    except ValidationError as error:
        raise ContractBroken(f"{plugin.__name__} refuses its own parameters {given}: {error}") from None
    require(
        again.identity() == made.identity(),
        f"{plugin.__name__} is another one after its parameters are written and read: {given}",
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
            plugin.model_validate({**given, key: _Nothing()})
        except ValidationError:
            continue
        raise ContractBroken(f"{plugin.__name__} takes any object for its parameter '{key}'; give it a type")


def _check_default(field: FieldInfo) -> None:
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    TypeAdapter(annotation).validate_python(field.get_default(call_default_factory=True))


class _Nothing:
    """No parameter's value."""


@contextmanager
def borrowed(model: Model, who: str) -> Iterator[None]:
    """
    Raises:
        ContractBroken: on leaving, where the model is not as it was on entering.
    """
    state = State.of(model)
    try:
        yield
    finally:
        changes = state.changes(model)
    require(not changes, f"{who} does not give the model back as it was: {'; '.join(changes[:3])}")
