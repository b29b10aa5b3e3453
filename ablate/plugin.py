"""What every plug-in class has in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Plugin(BaseModel):
    """A named, versioned class whose fields are its recipe parameters.

    name: how recipes and flags call it.
    version: raise it whenever the same parameters would give other numbers; it is part of every key.
    help: one line for ``ablate list``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: ClassVar[str]
    version: ClassVar[int] = 1
    help: ClassVar[str]

    def identity(self) -> dict[str, Any]:
        """What tells it from every other in a key: class, version, parameters."""
        origin = type(self).__module__.partition(".")[0]
        parameters = self.model_dump(mode="json")
        return {"name": self.name, "origin": origin, "version": self.version, "parameters": parameters}
