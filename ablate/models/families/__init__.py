"""The families of transformers, a small file each, and the registry that has them and those of plug-ins.

Loading a model needs the registry, which stands above the models in the order of imports. So it is provided from there:
``ablate/__init__.py`` sees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ablate.models.family import Family


class Registered(Protocol):
    """The registry, as far as loading a model needs it."""

    @property
    def broken_suffix(self) -> str:
        """The end of an error about an unknown name: lists plug-ins that could not be loaded."""

    def architectures(self) -> Sequence[str]:
        """The names of the families."""

    def architecture(self, name: str) -> Family:
        """The family of this name. Raises PluginError if there is none, or if there are two."""


_providers: list[Callable[[], Registered]] = []


def provide(registry: Callable[[], Registered]) -> None:
    """Says where the registry comes from. It is called when a family is first needed."""
    _providers[:] = [registry]


def registered() -> Registered:
    """The registry."""
    return _providers[0]()
