"""How many units hurt: simulations with known true effects.

72 units are measured with errors of known size and correlation. A unit hurts if its true effect is above 0.05 points.

    python -m tests.statistics.test_share_above_simulations     # prints the table of docs/prevalence.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.statistics.compare import contrast
from ablate.statistics.metric import SPEARMAN
from ablate.statistics.panel import Panel
from ablate.statistics.replication import replication
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.share_above import share_above
from ablate.statistics.true_discoveries import count_above

Floats = NDArray[np.float64]
Random = np.random.Generator

UNITS, SIZE, DRAWS, SPLITS = 72, 0.05, 500, 50


@dataclass(frozen=True)
class Truth:
    """effects: draws the true effects. common: the correlation of the errors. untold: the share cannot be told."""

    effects: Callable[[Random], Floats]
    common: float = 0.0
    untold: bool = False


def _needed(random: Random) -> Floats:
    return np.concatenate([np.zeros(60), -np.abs(random.normal(0.8, 0.3, 12))])


def _strong(_: Random) -> Floats:
    return np.concatenate([np.ones(3), np.zeros(UNITS - 3)])


def _normal(random: Random) -> Floats:
    return random.normal(-0.2, 0.5, UNITS)


TRUTHS = {
    "all 0": Truth(lambda _: np.zeros(UNITS)),
    "all 0, errors correlated at 0.3": Truth(lambda _: np.zeros(UNITS), 0.3, untold=True),
    "60 at 0, 12 needed": Truth(_needed),
    "all at -0.03": Truth(lambda _: np.full(UNITS, -0.03)),
    "skewed: 0.1 - gamma, sd 0.3": Truth(lambda random: 0.1 - random.gamma(1, 0.3, UNITS)),
    "normal: -0.2, sd 0.5": Truth(_normal),
    "the same, errors correlated at 0.6": Truth(_normal, 0.6),
    "3 at 1, the others at 0": Truth(_strong),
}


@dataclass(frozen=True)
class Figures:
    """Means over the simulations. true: the share. holds: how often the interval does. counts: the bounds' width,
    as a share. replicated: its interval. chance: p at most 0.05 that gains replicate in more than half."""

    true: float
    estimate: float | None
    told: float
    holds: float
    width: float
    wrong: float
    counts_hold: float
    counts_width: float
    replicated_holds: float
    replicated_width: float
    chance: float


def simulate(truth: Truth, error: float, simulations: int, seed: int = 0) -> Figures:
    """Errors differ by unit, from 0.7 to 1.3 times ``error``; halves of the pairs have √2 times as much."""
    random, rows, halves = np.random.default_rng(seed), [], []
    estimates: list[float] = []
    for _ in range(simulations):
        effects = truth.effects(random)
        errors = error * random.uniform(0.7, 1.3, UNITS)
        gains = effects + _noise(truth.common, errors, 1, random)[0]
        draws = gains + _noise(truth.common, errors, DRAWS, random)
        apart = _noise(truth.common, errors, SPLITS, random)
        bounds, everyone = count_above(gains, draws, SIZE), np.ones(UNITS, bool)
        share, true = share_above(gains, draws, SIZE, bounds), float((effects > SIZE).mean())
        least, most = bounds.at_least(everyone) / UNITS, bounds.at_most(everyone) / UNITS
        first, second = gains + apart, gains - apart
        again = replication(first, second, gains, draws)
        assert again is not None
        both, one = ((first > 0) & (second > 0)).mean(), ((first > 0).mean() + (second > 0).mean()) / 2
        halves.append((both, one, again.low, again.high))
        told, holds = share.value is not None, share.low - 1e-9 <= true <= share.high + 1e-9
        if share.value is not None:
            estimates.append(share.value)
        row = [true, told, holds, share.high - share.low, told and not holds]
        rows.append([*row, least <= true <= most, most - least, again.p <= 0.05])
    means = np.mean(np.array(rows, float), axis=0).tolist()
    gained_twice, gained, low, high = np.array(halves).T
    replicates = gained_twice.sum() / gained.sum()
    return Figures(
        true=means[0],
        estimate=float(np.mean(estimates)) if estimates else None,
        told=means[1],
        holds=means[2],
        width=means[3],
        wrong=means[4],
        counts_hold=means[5],
        counts_width=means[6],
        replicated_holds=float(((low <= replicates) & (replicates <= high)).mean()),
        replicated_width=float((high - low).mean()),
        chance=means[7],
    )


def _noise(common: float, errors: Floats, rows: int, random: Random) -> Floats:
    shared, own = random.normal(size=(rows, 1)), random.normal(size=(rows, UNITS))
    return np.asarray(errors * (np.sqrt(common) * shared + np.sqrt(1 - common) * own), np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTHS)
def test_statements_at_95_hold_in_90_of_100_and_say_something_where_the_truth_can_be_told(name: str) -> None:
    truth = TRUTHS[name]
    found = simulate(truth, 0.1, 100)
    assert found.holds >= 0.9
    assert found.wrong <= 0.1
    assert found.counts_hold >= 0.9
    assert found.replicated_holds >= 0.9
    if truth.untold:
        assert found.told <= 0.5
    else:
        assert found.width <= 0.5
        assert found.told >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("error", [0.03, 0.3])
@pytest.mark.parametrize("name", ["all 0", "60 at 0, 12 needed", "normal: -0.2, sd 0.5", "3 at 1, the others at 0"])
def test_no_more_is_wrong_with_smaller_or_larger_errors(name: str, error: float) -> None:
    found = simulate(TRUTHS[name], error, 50)
    assert found.wrong <= 0.1
    assert found.counts_hold >= 0.9


@pytest.mark.slow
def test_where_nothing_hurts_more_than_half_replicates_in_5_of_100() -> None:
    """By pairs: models of equal worth, all compared with the same dense model, so that their errors correlate."""
    chance, counted, shares = [], [], []
    for seed in range(150):
        random = np.random.default_rng([5, seed])
        gold = random.normal(size=200)
        worth = gold + 0.5 * random.normal(size=200)
        values = {str(unit): (worth + 0.3 * random.normal(size=200)).astype(np.float32) for unit in range(25)}
        panel = Panel("t", gold, np.ones(200, bool), np.arange(200), np.zeros(200, np.int32))
        boots = Joint({"t": Judged(panel, SPEARMAN)}, 300, seed).bootstrap({"t": values})["t"]
        draws = np.stack([boots[str(unit)] - boots["0"] for unit in range(1, 25)], axis=1)
        gains = np.array([SPEARMAN.value(values[str(unit)], gold) for unit in range(25)])
        gains = gains[1:] - gains[0]
        assert contrast(gains[0], draws[:, 0]).se == pytest.approx(draws[:, 0].std(ddof=1))
        halves = [_on_half(values, gold, random) for _ in range(20)]
        first, second = (np.stack([of[half] for of in halves]) for half in (0, 1))
        again = replication(first, second, gains, draws)
        chance.append(again is not None and again.p <= 0.05)
        bounds, everyone = count_above(gains, draws, 0.0), np.ones(24, bool)
        counted.append(bounds.at_least(everyone) > 0)
        share = share_above(gains, draws, 0.5, count_above(gains, draws, 0.5))
        shares.append(share.value is not None and share.low > 0)
    assert np.mean(chance) <= 0.1
    assert np.mean(counted) <= 0.06
    assert np.mean(shares) <= 0.1


def _on_half(values: dict[str, NDArray[np.float32]], gold: Floats, random: Random) -> tuple[Floats, Floats]:
    order = random.permutation(len(gold))
    scores = [
        np.array([SPEARMAN.value(value[half], gold[half]) for value in values.values()])
        for half in (order[: len(gold) // 2], order[len(gold) // 2 :])
    ]
    return scores[0][1:] - scores[0][0], scores[1][1:] - scores[1][0]


if __name__ == "__main__":
    for error in (0.1, 0.3):
        for name, truth in TRUTHS.items():
            one = simulate(truth, error, 100)
            estimate = "–" if one.estimate is None else f"{one.estimate:.2f}"
            print(
                f"| {name} | {error} | {one.true:.2f} | {one.told:.0%} | {estimate} | {one.holds:.1%}"
                f" | {one.width:.2f} | {one.wrong:.1%} | {one.counts_hold:.1%} | {one.counts_width:.2f}"
                f" | {one.replicated_holds:.1%} | {one.replicated_width:.2f} | {one.chance:.1%} |",
                flush=True,
            )
