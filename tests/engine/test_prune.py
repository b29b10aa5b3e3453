"""Pruning with contributions that are written down here: which units go, in what order, and under which mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.engine.draw import Groups
from ablate.engine.prune import Pruner
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.units import Units, name_of
from ablate.granularities.unstructured import Unstructured
from ablate.plan.plan import Step
from ablate.recipe.values import Sparsity
from ablate.scorers.align import Align
from ablate.testing.tiny import tiny_model
from ablate.timing import Timings

MODEL = tiny_model(neurons=8)  # 2 layers of 4 heads and 8 neurons
HEAD, NEURON, WEIGHT = Head(min_keep=0), Neuron(min_keep=0), Unstructured()
HEADS, NEURONS, WEIGHTS = 8, 16, len(WEIGHT.layers(MODEL))

Values = dict[Granularity, Sequence[float]]


@dataclass
class Scores:
    """Gives the same contributions each time, and remembers which masks were in force."""

    values: Values
    seen: list[tuple[str, Units]] = field(default_factory=list)
    told: list[dict[str, int | None]] = field(default_factory=list)

    def __call__(
        self, step: Step, units: Units, remove: Mapping[Granularity, int | None]
    ) -> dict[Granularity, NDArray[np.float32]]:
        self.seen.append((str(step), units))
        self.told.append({g.name: count for g, count in remove.items()})
        return {g: np.array(self.values[g], np.float32) for g in step.granularities}


def pruner(scores: Callable[[Step, Units, Mapping[Granularity, int | None]], Any]) -> Pruner:
    def alike(granularity: Granularity) -> Groups:
        return Groups.of(granularity.alike(MODEL).numpy())

    return Pruner(MODEL, lambda granularity: granularity.layers(MODEL), scores, 0, Timings(), alike)


def step(*sparsities: tuple[Granularity, Sparsity], **more: Any) -> Step:
    return Step(sparsities, Align(sign="signed"), "align", **more)


def gone(units: Units, granularity: Granularity) -> list[int]:
    return np.flatnonzero(~units.masks[name_of(granularity)]).tolist()


RISING: Values = {HEAD: range(HEADS), NEURON: range(NEURONS), WEIGHT: range(WEIGHTS)}


def test_a_step_of_several_granularities_is_scored_once_and_each_loses_its_lowest() -> None:
    scores = Scores({HEAD: [3, 2, 1, 0, 7, 6, 5, 4], NEURON: range(NEURONS)})
    units = pruner(scores).prune([step((HEAD, 0.25), (NEURON, 0.125))], Units())
    assert (gone(units, HEAD), gone(units, NEURON)) == ([2, 3], [0, 1])
    ((name, in_force),) = scores.seen
    assert name == "head+neuron align 25 % + 12.5 %"
    assert in_force.masks == {}


def test_two_steps_are_scored_one_after_the_other() -> None:
    scores = Scores(RISING)
    pruner(scores).prune([step((HEAD, 0.25)), step((NEURON, 0.125))], Units())
    assert [(name, [len(gone(units, HEAD))] if units.masks else []) for name, units in scores.seen] == [
        ("head align 25 %", []),
        ("neuron align 12.5 %", [2]),
    ]


def test_in_several_shares_all_granularities_go_a_share_at_a_time() -> None:
    scores = Scores(RISING)
    units = pruner(scores).prune([step((HEAD, 0.5), (NEURON, 0.25), steps=2)], Units())
    assert (gone(units, HEAD), gone(units, NEURON)) == ([0, 1, 2, 3], [0, 1, 2, 3])
    first, second = (units for _, units in scores.seen)
    assert first.masks == {}
    assert (gone(second, HEAD), gone(second, NEURON)) == ([0, 1], [0, 1])


def test_scope_and_min_keep_are_those_of_each_granularity() -> None:
    kept = Head(min_keep=3)
    scores = Scores({kept: range(HEADS), NEURON: range(NEURONS)})
    units = pruner(scores).prune([step((kept, 0.5), (NEURON, 0.25), scope="layer")], Units())
    assert (gone(units, kept), gone(units, NEURON)) == ([0, 4], [0, 1, 8, 9])


def test_negative_and_a_number_side_by_side() -> None:
    scores = Scores({HEAD: [-1, 2, 3, -4, 5, 6, -7, 8], NEURON: range(NEURONS)})
    steps = [step((HEAD, "negative"), (NEURON, 0.125))]
    assert gone(pruner(scores).prune(steps, Units()), HEAD) == [0, 3, 6]
    flipped = pruner(scores).prune(steps, Units(), flipped=True)
    assert (gone(flipped, HEAD), gone(flipped, NEURON)) == ([4, 5, 7], [14, 15])


def test_scorers_are_told_how_many_units_go_now() -> None:
    """Three of eight heads in two shares are two (half rounded to even) and one; ``negative`` is no number."""
    scores = Scores(RISING)
    pruner(scores).prune([step((HEAD, 0.375), (NEURON, 0.25), steps=2)], Units())
    assert scores.told == [{"head": 2, "neuron": 2}, {"head": 1, "neuron": 2}]
    scores.told.clear()
    in_force = Units().with_mask(HEAD, np.arange(HEADS) != 7)
    pruner(scores).prune([step((HEAD, 0.25)), step((NEURON, "negative"))], in_force)
    assert scores.told == [{"head": 2}, {"neuron": None}]
    scores.told.clear()
    pruner(scores).grow(step((HEAD, 0.5)), 0.5, in_force)
    assert scores.told == [{"head": 1}]


def test_what_is_gone_already_is_no_part_of_the_sparsity() -> None:
    in_force = Units().with_mask(HEAD, np.arange(HEADS) != 7)
    units = pruner(Scores(RISING)).prune([step((HEAD, 0.25), (NEURON, 0.125))], in_force)
    assert (gone(units, HEAD), gone(units, NEURON)) == ([0, 1, 7], [0, 1])


@pytest.mark.parametrize("steps", [1, 4])
def test_weights_that_go_with_heads_are_no_part_of_the_weights_share(steps: int) -> None:
    """The weights that are ranked lowest here are those of the first query matrix, which lose half with two heads."""
    units = pruner(Scores(RISING)).prune([step((HEAD, 0.25), (WEIGHT, 0.01), steps=steps)], Units())
    asked = round(0.01 * WEIGHTS)
    lost = ~units.masks[name_of(WEIGHT)]
    alone = pruner(Scores(RISING)).prune([step((HEAD, 0.25), steps=steps)], Units())
    with_heads = ~alone.left(MODEL, WEIGHT, WEIGHTS)
    if steps == 1:  # scored under the same mask, the two choose some of the same weights
        assert int(lost.sum()) == asked
        assert int((lost & with_heads).sum()) > 0
    else:  # later shares find the first ones' heads gone, and take others
        assert int(lost.sum()) > asked
        assert int((lost & ~with_heads).sum()) > 0
    assert gone(units, HEAD) == gone(alone, HEAD) == [0, 1]


def test_a_draw_takes_as_many_of_each_layer_and_granularity() -> None:
    scores = Scores({HEAD: [0, 1, 2, 9, 9, 9, 9, 9], NEURON: [9] * 11 + [0, 1, 2, 3, 4]})
    chosen = pruner(scores).prune([step((HEAD, 0.375), (NEURON, 0.3125))], Units())
    draws = [pruner(scores).draw(chosen, seed) for seed in range(20)]
    for drawn in draws:
        assert [unit // 4 for unit in gone(drawn, HEAD)] == [0, 0, 0]
        assert [unit // 8 for unit in gone(drawn, NEURON)] == [1] * 5
    assert len({tuple(gone(drawn, HEAD)) for drawn in draws}) == 4
    assert len({tuple(gone(drawn, NEURON)) for drawn in draws}) > 10


@pytest.mark.parametrize("steps", [1, 3])
def test_a_draw_of_weights_takes_none_of_the_drawn_heads(steps: int) -> None:
    scores = Scores(RISING)
    chosen = pruner(scores).prune([step((HEAD, 0.25), (WEIGHT, 0.1), steps=steps)], Units())
    layers = WEIGHT.layers(MODEL).numpy()

    def beyond(units: Units) -> list[int]:
        """Weights of each layer that went, and not with a head."""
        heads = Units.of({name_of(HEAD): units.masks[name_of(HEAD)]}, [HEAD])
        lost = heads.left(MODEL, WEIGHT, WEIGHTS) & ~units.masks[name_of(WEIGHT)]
        counts: list[int] = np.bincount(layers[lost], minlength=2).tolist()
        return counts

    for seed in range(3):
        assert beyond(pruner(scores).draw(chosen, seed)) == beyond(chosen)


def test_growing_reaches_a_fraction_of_each_sparsity() -> None:
    scores = Scores(RISING)
    grows = step((HEAD, 0.5), (NEURON, 0.25))
    units = Units()
    for fraction, heads, neurons in ((0.25, 1, 1), (0.2, 1, 1), (0.75, 3, 3), (1.0, 4, 4)):
        units = pruner(scores).grow(grows, fraction, units)
        assert (len(gone(units, HEAD)), len(gone(units, NEURON))) == (heads, neurons)
    with pytest.raises(ValueError, match="`negative` is not a share"):
        pruner(scores).grow(step((HEAD, "negative")), 0.5, Units())


def test_seconds_of_the_choice_are_taken() -> None:
    made = pruner(Scores(RISING))
    made.prune([step((HEAD, 0.25))], Units())
    assert made.timings.seconds["mask"] > 0
