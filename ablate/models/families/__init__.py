"""The families of transformers, a small file each, and the registry that has them and those of plug-ins.

Loading a model needs the registry, which stands above the models in the order of imports. So it is provided from there:
``ablate/__init__.py`` sees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _With:
    """A registry with one more family, which stands for any other of its name."""

    registry: Registered
    family: Family

    @property
    def broken_suffix(self) -> str:
        return self.registry.broken_suffix

    def architectures(self) -> Sequence[str]:
        return list(dict.fromkeys([*self.registry.architectures(), self.family.name]))

    def architecture(self, name: str) -> Family:
        return self.family if name == self.family.name else self.registry.architecture(name)


@contextmanager
def with_family(family: Family) -> Iterator[None]:
    """Inside the block this family is registered, also if another of its name is. For tests of a family."""
    before = _providers[:]
    registry = _With(registered(), family)
    provide(lambda: registry)
    try:
        yield
    finally:
        _providers[:] = before
