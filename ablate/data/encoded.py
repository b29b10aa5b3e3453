"""Items whose texts to embed are listed, as where an evaluator of another library decides what it encodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from ablate.data.items import ItemSet, Role
from ablate.data.texts import Text


@dataclass(frozen=True)
class EncodedSet(ItemSet):
    """Items, and all texts that have to be embedded to measure on them.

    encoded: the distinct texts, each with its role, or all with None. A subclass has them in its hash.
    """

    encoded: tuple[Text, ...] = field(kw_only=True)

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        return tuple(text for text, _ in self.encoded)

    @property
    def roles(self) -> tuple[Role, ...]:
        roles = tuple(role for _, role in self.encoded)
        return cast("tuple[Role, ...]", roles) if any(roles) else ()
