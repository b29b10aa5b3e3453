"""Scores against costs as data: what each cell gains, and what its model costs to keep and to run."""

from __future__ import annotations

from typing import NamedTuple


class FrontPoint(NamedTuple):
    """A cell, or dense, which has a gain of 0 and no interval.

    gain, low, high: over dense, above 0 is better. parameters: of the encoder. mebibytes: of weights on the disk.
    latency: of one sentence, as a share of dense's; None if not measured. front: whether no other one is better at all.
    chosen: whether it was chosen.
    """

    name: str
    gain: float
    low: float
    high: float
    parameters: int
    mebibytes: float
    latency: float | None
    front: bool = False
    chosen: bool = False
