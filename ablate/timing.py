"""Measures the wall-clock time of each stage of a run."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Timings:
    """Wall-clock seconds by stage, summed over a run."""

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def measure(self, stage: str) -> Iterator[Callable[[], float]]:
        """Adds the time spent inside to ``stage``. Yields a function that returns the seconds so far."""
        start = time.perf_counter()
        try:
            yield lambda: time.perf_counter() - start
        finally:
            self.seconds[stage] += time.perf_counter() - start
