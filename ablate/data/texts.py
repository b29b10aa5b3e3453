"""The texts that a model has to embed for some sets of items: each sentence once, or once in each of its roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat

from ablate.data.items import ItemSet, Role
from ablate.errors import DataError

Text = tuple[str, Role | None]
"""A sentence and its role; None where no role counts."""


@dataclass(frozen=True)
class Texts:
    """The distinct texts of some sets.

    positions: text -> its number, from 0 and ascending.
    by_role: whether one sentence in two roles is two texts.
    """

    positions: Mapping[Text, int]
    by_role: bool

    @classmethod
    def of(cls, sets: Iterable[ItemSet], by_role: bool) -> Texts:
        """The texts of some sets, in order of first appearance.

        Raises:
            DataError: a set does not give a role for each of its sentences.
        """
        distinct = dict.fromkeys(text for data in sets for text in _texts(data, by_role))
        return cls({text: i for i, text in enumerate(distinct)}, by_role)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def sentences(self) -> list[str]:
        """The sentences of the texts. They are distinct unless texts have roles."""
        return [sentence for sentence, _ in self.positions]

    @property
    def roles(self) -> tuple[Role | None, ...]:
        """The roles of the texts; empty if none counts."""
        return tuple(role for _, role in self.positions) if self.by_role else ()

    def rows(self, data: ItemSet) -> list[int]:
        """The numbers of the texts of one of the sets, in the order of its ``sentences``."""
        return [self.positions[text] for text in _texts(data, self.by_role)]


def _texts(data: ItemSet, by_role: bool) -> Iterator[Text]:
    roles = data.roles if by_role else ()
    if roles and len(roles) != len(data.sentences):
        raise DataError(f"'{data.name}' has {len(roles)} roles for {len(data.sentences)} sentences; give each one")
    return zip(data.sentences, roles or repeat(None), strict=False)
