"""Swaps at the border of a mask, on cases small enough to write out or to enumerate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest

from ablate.engine.search import Exchange, Ranked, at_border, climb
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.units import Units, name_of
from ablate.recipe.search import Swap

HEAD, NEURON = Head(), Neuron(min_keep=0)


def ranked(contributions: Sequence[float], layers: Sequence[int], among: Sequence[int] | None = None) -> Ranked:
    inside = np.ones(len(layers), bool)
    if among is not None:
        inside[:] = False
        inside[list(among)] = True
    return Ranked(HEAD, np.array(contributions, np.float32), np.array(layers), inside)


def without(*removed: int, units: int = 6) -> Units:
    mask = np.ones(units, bool)
    mask[list(removed)] = False
    return Units().with_mask(HEAD, mask)


def pairs(exchanges: Sequence[Exchange]) -> list[tuple[int, int]]:
    return [(one.back, one.out) for one in exchanges]


def test_the_border_is_the_highest_removed_and_the_lowest_kept() -> None:
    of = ranked([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0, 0, 0, 1, 1, 1])
    assert pairs(list(at_border(of, without(0, 1, 2), 2, False))) == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert pairs(list(at_border(of, without(0), 6, False))) == [(0, n) for n in range(1, 6)]
    assert pairs(list(at_border(of, without(), 6, False))) == []
    # In each layer: of the first the removed 1 and the kept 2, of the second 3 and 4.
    assert pairs(list(at_border(of, without(0, 1, 3), 1, True))) == [(1, 2), (3, 4)]
    # After a swap, the unit that went out is the highest of those removed.
    moved = Exchange(HEAD, 1, 4).made_in(without(0, 1))
    assert pairs(list(at_border(of, moved, 1, False))) == [(4, 1)]


def test_of_equal_contributions_the_lower_numbers_are_at_the_border() -> None:
    of = ranked([0.0] * 6, [0] * 6)
    assert pairs(list(at_border(of, without(1, 3, 5), 2, False))) == [(1, 0), (1, 2), (3, 0), (3, 2)]


def test_units_that_were_gone_before_the_step_do_not_come_back() -> None:
    of = ranked([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0] * 6, among=[1, 2, 4, 5])
    assert pairs(list(at_border(of, without(0, 1, 3), 6, False))) == [(1, 2), (1, 4), (1, 5)]


def test_every_layer_keeps_its_units() -> None:
    # Layer 1 has one head left, which min_keep 1 holds; within the layer it may be swapped.
    of = ranked([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0, 0, 0, 1, 1, 1])
    assert pairs(list(at_border(of, without(2, 3, 4), 6, False))) == [
        *[(2, 0), (2, 1)],
        *[(3, 0), (3, 1), (3, 5)],
        *[(4, 0), (4, 1), (4, 5)],
    ]


def chooser(
    score: Callable[[Units], float], asked: list[int]
) -> Callable[[Units, Sequence[Exchange]], Exchange | None]:
    def best_of(units: Units, exchanges: Sequence[Exchange]) -> Exchange | None:
        asked.append(len(exchanges))
        best = max(exchanges, key=lambda one: score(one.made_in(units)))
        return best if score(best.made_in(units)) > score(units) else None

    return best_of


@pytest.mark.parametrize("seed", range(20))
def test_the_climb_ends_where_no_swap_is_better(seed: int) -> None:
    """Any of the 20 masks of 3 of 6 units has a random score."""
    rng = np.random.default_rng(seed)
    table: dict[tuple[int, ...], float] = {removed: float(rng.random()) for removed in combinations(range(6), 3)}

    def score(units: Units) -> float:
        return table[tuple(np.flatnonzero(~units.masks[name_of(HEAD)]).tolist())]

    of, asked = Ranked(HEAD, rng.random(6, np.float32), np.zeros(6, np.int64), np.ones(6, bool)), list[int]()
    start = without(*np.argsort(of.contributions)[:3].tolist())
    end, made = climb(start, [of], Swap(most=20), False, chooser(score, asked))
    neighbors = [
        tuple(sorted({*np.flatnonzero(~end.masks[name_of(HEAD)]).tolist(), out} - {back}))
        for back in np.flatnonzero(~end.masks[name_of(HEAD)]).tolist()
        for out in np.flatnonzero(end.masks[name_of(HEAD)]).tolist()
    ]
    assert len(neighbors) == 9
    assert score(end) >= max(table[one] for one in neighbors)
    assert score(end) >= score(start)
    assert asked == [9] * (made + 1)
    at_most, cut = climb(start, [of], Swap(most=1), False, chooser(score, asked))
    assert cut == min(made, 1)
    assert score(start) <= score(at_most) <= score(end)


def test_all_granularities_of_a_step_compete_in_a_round() -> None:
    heads = ranked([1, 2, 3, 4], [0, 0, 1, 1])
    neurons = Ranked(NEURON, np.arange(3, dtype=np.float32), np.zeros(3, np.int64), np.ones(3, bool))
    start = without(0, units=4).with_mask(NEURON, np.array([False, True, True]))
    asked = list[int]()

    def score(units: Units) -> float:
        # The neuron first: it gains most. Then a head.
        return float(2.0 * units.masks[name_of(NEURON)][0] + units.masks[name_of(HEAD)][0])

    end, made = climb(start, [heads, neurons], Swap(), False, chooser(score, asked))
    assert (made, asked) == (2, [5, 5, 5])
    assert np.flatnonzero(~end.masks[name_of(NEURON)]).tolist() == [1]
    assert np.flatnonzero(~end.masks[name_of(HEAD)]).tolist() == [1]
