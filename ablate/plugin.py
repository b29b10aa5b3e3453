"""The base class of every plug-in class."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Plugin(BaseModel):
    """A named, versioned class. Its fields are the parameters that a recipe may set.

    name: its name in recipes and in options of the command line.
    version: part of every key in the store. Increase it whenever the same parameters would give other numbers.
    help: one line for ``ablate list``.
    """

    # Frozen, so that plug-ins are hashable: they are keys of mappings.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: ClassVar[str]
    version: ClassVar[int] = 1
    help: ClassVar[str]

    def identity(self) -> dict[str, Any]:
        """What identifies the plug-in in a key of the store: name, top-level module, version and parameters."""
        # Only the top-level module, so that a class can move within its package and keep its keys.
        origin = type(self).__module__.partition(".")[0]
        parameters = self.model_dump(mode="json")
        return {"name": self.name, "origin": origin, "version": self.version, "parameters": parameters}
