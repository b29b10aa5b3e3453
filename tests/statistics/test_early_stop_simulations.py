"""Draws that stop early, simulated: how often a cell at random beats them, what is found, and how many are made.

python -m tests.statistics.test_early_stop_simulations      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.statistics.compare import p_of_one_more
from ablate.statistics.correction import sure_level
from ablate.statistics.early_stop import settled
from ablate.statistics.looks import Look, Looks

Floats = NDArray[np.float64]
Shape = tuple[int, int]
DRAWS = 20
LOOKS = Looks.of(DRAWS)

SHAPES: dict[str, Callable[[np.random.Generator, Shape], Floats]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential tail to lower gains": lambda rng, shape: 1 - rng.exponential(size=shape),
    "exponential tail to higher gains": lambda rng, shape: rng.exponential(size=shape) - 1,
}
"""Gains of mean 0 and sd 1. A random mask that hits units that matter makes a tail to lower gains."""


class Found(NamedTuple):
    """Of many cells: p with early stops, how many draws were made, and p with all draws."""

    p: Floats
    made: Floats
    p_all: Floats

    def rates(self, level: float) -> tuple[float, float]:
        """How many p are at most that level, with early stops and with all draws."""
        return float((self.p <= level).mean()), float((self.p_all <= level).mean())


def simulate(cells: int, gain: float, shape: str = "normal", level: float = 0.05, family: int = 1) -> Found:
    """Cells that gain so many sd more than their draws, which are otherwise exchangeable with them."""
    values = SHAPES[shape](np.random.default_rng([23, family]), (cells, DRAWS + 1))
    found = [_of_cell(own[0] + gain, own[1:], level, sure_level(level, family)) for own in values]
    return Found(*(np.array(column) for column in zip(*found, strict=True)))


def _of_cell(gain: float, draws: Floats, level: float, sure: float) -> tuple[float, float, float]:
    made = next((n for n in LOOKS.numbers[:-1] if settled(gain, draws[:n], Look(LOOKS, n), level, sure)), DRAWS)
    p = min(1.0, p_of_one_more(gain, draws[:made]) / LOOKS.share(made))
    return p, made, p_of_one_more(gain, draws)


def test_small() -> None:
    null = simulate(600, 0)
    assert null.rates(0.05)[0] < 0.05 + 3 * 0.009
    assert null.made.mean() < 9
    beats, fails, border = (simulate(200, gain) for gain in (7, -1, 2.5))
    assert beats.rates(0.05)[0] > 0.98
    assert beats.made.mean() < 8
    assert fails.made.mean() < 6.5
    assert border.made.mean() > 10
    assert border.rates(0.05)[0] > border.rates(0.05)[1] - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.05, 0.01])
@pytest.mark.parametrize("family", [1, 10])
def test_the_level_holds_at_every_p(level: float, family: int) -> None:
    cells = 10_000
    found = simulate(cells, 0, level=level, family=family)
    for p in (0.2, 0.05, 0.01, 0.005, 0.001):
        assert found.rates(p)[0] <= p + 3 * np.sqrt(p * (1 - p) / cells)
    # With tails the test of all draws may err too; stopping must not make it much worse.
    for shape in SHAPES:
        early, all_draws = simulate(cells, 0, shape, level, family).rates(level)
        assert early <= all_draws + 3 * np.sqrt(all_draws / cells)


@pytest.mark.slow
def test_power_and_draws() -> None:
    for gain in (1.0, 2.0, 3.0, 4.0, 6.0):
        for family in (1, 10):
            found = simulate(4000, gain, family=family)
            early, all_draws = found.rates(0.05 / family)
            assert early >= all_draws - 0.06
            assert found.made.mean() < 19


def main() -> None:
    """Prints the tables of docs/statistics.md."""
    print("| gains of the draws and the cell | p ≤ 0.05 | all 20 draws | p ≤ 0.01 | all 20 draws | draws made |")
    for shape in SHAPES:
        rates = [simulate(20_000, 0, shape, level).rates(level) for level in (0.05, 0.01)]
        made = simulate(20_000, 0, shape).made.mean()
        shown = " | ".join(f"{100 * early:.1f} % | {100 * every:.1f} %" for early, every in rates)
        print(f"| {shape} | {shown} | {made:.1f} |")
    print("| the cell's lead, in sd of the draws | one cell: found | all 20 draws | made | of ten cells: … |")
    for gain in (-2, 0, 1, 2, 3, 4, 6, 8):
        line = []
        for family in (1, 10):
            found = simulate(20_000, gain, family=family)
            early, every = found.rates(0.05 / family)
            line.append(f"{100 * early:.1f} % | {100 * every:.1f} % | {found.made.mean():.1f}")
        print(f"| {gain} | {' | '.join(line)} |")


if __name__ == "__main__":
    main()
