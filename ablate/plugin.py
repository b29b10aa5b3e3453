"""The base class of every plug-in class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, field_validator

from ablate.files import expanded


class Plugin(BaseModel):
    """A named, versioned class. Its fields are the parameters that a recipe may set.

    name: its name in recipes and in options of the command line.
    version: part of every key in the store. Increase it whenever the same parameters would give other numbers.
    help: one line for ``ablate list``.
    required: the parameters that have to be given, besides those without a default. A parameter that has the default
        None, so that the class can be listed, is one if nothing can be done with None.
    quick: parameters with which ``ablate check`` checks the class unless others are given, if its contracts would take
        minutes with the defaults and hold just as well with these.
    """

    # Frozen, so that plug-ins are hashable: they are keys of mappings.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: ClassVar[str]
    version: ClassVar[int] = 1
    help: ClassVar[str]
    required: ClassVar[tuple[str, ...]] = ()
    quick: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @field_validator("*")
    @classmethod
    def _from_home(cls, value: Any) -> Any:
        return expanded(value) if isinstance(value, Path) else value

    @classmethod
    def missing(cls, given: Iterable[str]) -> dict[str, str]:
        """The parameters that have to be given and are not: name -> description, which may be empty.

        Args:
            given: names, as in a recipe.
        """
        present = set(given)
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        return {
            name: field.description or ""
            for name, field in fields.items()
            if (field.is_required() or name in cls.required) and name not in present
        }

    def identity(self) -> dict[str, Any]:
        """What identifies the plug-in in a key of the store: name, top-level module, version and parameters."""
        # Only the top-level module, so that a class can move within its package and keep its keys.
        origin = type(self).__module__.partition(".")[0]
        parameters = self.model_dump(mode="json")
        return {"name": self.name, "origin": origin, "version": self.version, "parameters": parameters}
