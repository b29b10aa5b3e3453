"""How many items the published sets have: a set that was cut short must not pass for the standard one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from ablate.data.classes import CLASS_SETS, PART_SIZES, ClassSet
from ablate.data.items import KINDS, ItemSet

S = TypeVar("S", bound=ItemSet)

_YEARS = {"sts12": 3108, "sts13": 1500, "sts14": 3750, "sts15": 3000, "sts16": 1186}
_SPLITS = {"stsb": 1379, "stsb-dev": 1500, "stsb-train": 5749}
_SICK = {"sickr": 4927, "sickr-dev": 500, "sickr-train": 4500}
SETS: Mapping[str, int] = MappingProxyType(_YEARS | _SPLITS | _SICK | dict(CLASS_SETS))
"""Every data set that a SentEval folder can have -> the number of pairs or texts judged in the standard files."""

_EMBEDDED = {"synthetic": 800, "synthetic-dev": 400, "synthetic-train": 1500, "synthetic-tense": 400}


def expected_items(name: str) -> int | None:
    """How many items a set has that is not read yet, if it is the standard or the embedded one; None of other sets."""
    return SETS.get(name, _EMBEDDED.get(name))


def compared_with_standard(data: S) -> S:
    """The set of :data:`SETS` with its ``deviation``."""
    sizes: dict[str, tuple[int, ItemSet]] = {data.name: (SETS[data.name], data)}
    if isinstance(data, ClassSet):
        sizes |= {part.name: (PART_SIZES[part.name], part) for part in data.parts}
    deviations = [
        f"{'' if part is data else f'{name}: '}{_count(part)}, and the standard set has {size:,}"
        for name, (size, part) in sizes.items()
        if len(part) != size
    ]
    return replace(data, deviation="; ".join(deviations))


def _count(data: ItemSet) -> str:
    return f"{len(data):,} {KINDS[len(data.texts[0])]}"
