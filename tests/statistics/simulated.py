"""Simulated gains, draws and panels, which several tests of the statistics share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.statistics.panel import Panel

Floats = NDArray[np.float64]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def measured(units: int, mean: float, sd: float, error: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Measured gains, and the errors that they were measured with."""
    errors = error * random.uniform(0.7, 1.3, units)
    return random.normal(mean, sd, units) + errors * random.normal(size=units), errors


def drawn(gains: Floats, errors: Any, random: np.random.Generator, draws: int = 500) -> Floats:
    """Joint bootstrap draws with independent errors."""
    return np.asarray(gains + errors * random.normal(size=(draws, len(gains))), np.float64)


def panel(task: str, gold: Any, clusters: Any = None) -> Panel:
    n = len(gold)
    numbers = np.arange(n) if clusters is None else clusters
    return Panel(task, np.asarray(gold, float), np.ones(n, bool), np.asarray(numbers, np.int64), np.zeros(n, np.int32))
