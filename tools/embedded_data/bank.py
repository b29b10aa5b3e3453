"""Reads the bank of hand-written ideas in ``ideas.txt``: wordings that no grammar gives, written for this project.

The file has a block for each idea. The first line of a block holds sentences that mean the same, separated by ``=``.
Each further line is a gold similarity (0 to 5, against any sentence of the first line) and a sentence: a weaker, an
opposite, or a merely similar-looking statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

_IDEAS = Path(__file__).with_name("ideas.txt")


@dataclass(frozen=True)
class Idea:
    """same: sentences with the same meaning. others: (gold similarity to those, sentence)."""

    same: tuple[str, ...]
    others: tuple[tuple[float, str], ...]


@cache
def ideas(split: str) -> tuple[Idea, ...]:
    """The ideas of a split. Of every six blocks, three go to train, one to dev and two to test."""
    found = []
    for i, block in enumerate(_IDEAS.read_text(encoding="utf-8").strip().split("\n\n")):
        if ("train", "dev", "test", "train", "test", "train")[i % 6] == split:
            first, *rest = block.splitlines()
            others = tuple((float(line[:3]), line[4:]) for line in rest)
            found.append(Idea(tuple(s.strip() for s in first.split(" = ")), others))
    return tuple(found)


def idea_pairs(split: str) -> list[tuple[str, str, float]]:
    """The pairs of a split: left, right, gold.

    Sentences of the same meaning are paired at 4.8, each other sentence with one or two of those at its own gold, and
    sentences of two different ideas at 0.
    """
    pairs = []
    known = ideas(split)
    for idea, stranger in zip(known, known[1:] + known[:1], strict=True):
        same = idea.same
        pairs += [(same[i], same[j], 4.8) for i in range(len(same)) for j in range(i + 1, len(same))]
        pairs += [(same[0], other, gold) for gold, other in idea.others]
        pairs += [(other, same[1], gold) for gold, other in idea.others if gold >= 2.7]
        pairs += [(same[0], stranger.same[1], 0.0), (idea.others[0][1], stranger.others[-1][1], 0.0)]
    return pairs
