"""Reads the bank of free wordings in :mod:`.ideas`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ablate.data.embedded.ideas import IDEAS


@dataclass(frozen=True)
class Idea:
    """same: sentences of one meaning. others: (gold similarity to those, sentence)."""

    same: tuple[str, ...]
    others: tuple[tuple[float, str], ...]


@cache
def ideas(split: str) -> tuple[Idea, ...]:
    """The ideas of a split: of every six blocks three are train's, one dev's, two test's; none is shared."""
    found = []
    for i, block in enumerate(IDEAS.strip().split("\n\n")):
        if ("train", "dev", "test", "train", "test", "train")[i % 6] == split:
            first, *rest = block.splitlines()
            others = tuple((float(line[:3]), line[4:]) for line in rest)
            found.append(Idea(tuple(s.strip() for s in first.split(" = ")), others))
    return tuple(found)


def idea_pairs(split: str) -> list[tuple[str, str, float]]:
    """A split's pairs: those of one meaning (4.8), each other sentence with one or two of those, and strangers (0)."""
    pairs = []
    known = ideas(split)
    for idea, stranger in zip(known, known[1:] + known[:1], strict=True):
        same = idea.same
        pairs += [(same[i], same[j], 4.8) for i in range(len(same)) for j in range(i + 1, len(same))]
        pairs += [(same[0], other, gold) for gold, other in idea.others]
        pairs += [(other, same[1], gold) for gold, other in idea.others if gold >= 2.7]
        pairs += [(same[0], stranger.same[1], 0.0), (idea.others[0][1], stranger.others[-1][1], 0.0)]
    return pairs
