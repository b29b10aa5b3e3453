"""Divides items into seeded shares, so that items with a common text stay together."""

from __future__ import annotations

import random
from collections.abc import Mapping
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ablate.data.items import ItemSet
from ablate.errors import DataError


def groups_of(items: ItemSet) -> list[list[int]]:
    """The items that hang together by common texts, after :func:`~ablate.data.items.normalize`: numbers of items.

    They are the connected components of a graph whose edges lead from each item to the texts that it compares. Their
    order does not depend on that of the items.
    """
    number: dict[str, int] = {}
    rows: list[int] = []
    texts: list[int] = []
    first: list[str] = []
    for row, pairs in enumerate(items.compared):
        of_item = {text for pair in pairs for text in pair}
        first.append(min(of_item))
        for text in of_item:
            rows.append(row)
            texts.append(len(items) + number.setdefault(text, len(number)))
    nodes = len(items) + len(number)
    graph = coo_array((np.ones(len(rows), np.bool_), (rows, texts)), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    members: dict[int, list[int]] = {}
    for row, label in enumerate(labels[: len(items)].tolist()):
        members.setdefault(label, []).append(row)
    return sorted(members.values(), key=lambda group: min(first[row] for row in group))


def shared_out(items: ItemSet, shares: Mapping[str, float], seed: int, what: str) -> NDArray[np.str_]:
    """The part of each item, [n].

    Groups come in a random order, the larger ones first. Each goes to the part that is least full with it, relative to
    the share. So parts have their shares of large groups and of small ones, and miss their sizes by about one group.

    Args:
        shares: part -> its share, above 0; they add up to 1.
        what: the file, for errors.

    Raises:
        DataError: a group is larger than every share, or a part would be empty.
    """
    groups = groups_of(items)
    random.Random(f"part {seed}").shuffle(groups)
    groups.sort(key=len, reverse=True)
    most = max(shares, key=lambda part: shares[part])
    if len(groups[0]) > ceil(shares[most] * len(items)):
        raise DataError(
            f"{what}: {len(groups[0]):,} of {len(items):,} rows hang together by texts that they share, and must stay "
            f"on one side; the largest share, of {most}, is {shares[most] * len(items):,.0f} rows. Give it more, or "
            "divide the rows yourself with part: {column: NAME}"
        )
    full = dict.fromkeys(shares, 0)
    parts = np.empty(len(items), "<U5")
    for group in groups:
        size = len(group)
        least = min(shares, key=lambda part: (full[part] + size) / shares[part])
        full[least] += size
        parts[group] = least
    if empty := [part for part in shares if not full[part]]:
        raise DataError(
            f"{what}: no row is left for the part '{empty[0]}': {len(items):,} rows are {len(groups):,} groups that "
            "share no text; add rows, or raise its share"
        )
    return parts
