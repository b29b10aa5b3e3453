"""What evidence on a mean over several sets says beyond the pairs of these sets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FamilyEffect:
    """A cell compared on the sets of one family (:attr:`ablate.plugin_api.Task.family`).

    tasks: its sets. delta, low, high: the mean over them, in the unit of the evidence, and its 95 % bootstrap interval.
    """

    family: str
    tasks: tuple[str, ...]
    delta: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class OverSets:
    """The 95 % interval of the mean delta as if the sets were a random sample of sets, by Student's t.

    sets: how many there are.
    """

    sets: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class OverComponents:
    """The mean delta if components of pairs that share a sentence are resampled in place of pairs.

    components: how many there are, in all sets together. largest: the share of the pairs that are in the largest one,
    in (0, 1]. low, high, se: the ends of the 95 % bootstrap interval, and the standard error. ratio: of ``se`` to that
    over pairs; None if that is 0.
    """

    components: int
    largest: float
    low: float
    high: float
    se: float
    ratio: float | None


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What the mean over several sets is where these are taken as a sample.

    families: the delta per family of sets, in the order of the tasks. sets, components: None where ``withheld`` says
    why, one line each.
    """

    families: tuple[FamilyEffect, ...]
    sets: OverSets | None
    components: OverComponents | None
    withheld: tuple[str, ...]
