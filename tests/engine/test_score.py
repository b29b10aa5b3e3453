"""What the engine takes from a scorer, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from ablate.engine.collect import Collected, collect
from ablate.engine.score import score
from ablate.errors import PluginError
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.plan.plan import Step
from ablate.scorers.base import Scorer, View
from ablate.scorers.combined import Combined
from ablate.scorers.random import Random
from ablate.testing.samples import sample_calibration
from ablate.testing.tiny import tiny_model

MODEL, CALIBRATION = tiny_model(neurons=8), sample_calibration()
HEAD: Granularity = Head()
NEURON: Granularity = Neuron()
LAYERS = {g: g.layers(MODEL) for g in (HEAD, NEURON)}


def step(scorer: Scorer, *granularities: Granularity, seed: int | None = None) -> Step:
    return Step(tuple((g, 0.25) for g in granularities), scorer, "mine", seed=seed)


def scored(asked: Step, kept: Mapping[Granularity, Tensor] | None = None) -> dict[Granularity, Any]:
    collected = collect(MODEL, CALIBRATION, asked.requests)
    return score(MODEL, CALIBRATION, asked, collected, LAYERS, kept)


class Together(Scorer):
    """Ranks the units of a granularity by how many units there are of all."""

    name: ClassVar[str] = "together"
    help: ClassVar[str] = "for a test"
    seen: ClassVar[list[dict[str, int]]] = []

    def score(self, view: View) -> Tensor:
        return self.score_together({view.granularity: view})[view.granularity]

    def score_together(self, views: Mapping[Granularity, View]) -> Mapping[Granularity, Tensor]:
        self.seen.append({g.name: int(view.kept.sum()) for g, view in views.items()})
        total = sum(len(view.layers) for view in views.values())
        return {g: torch.full((len(view.layers),), float(total)) for g, view in views.items()}


@pytest.mark.parametrize("scorer", [Combined(), Combined(normalize="layer", sign="signed"), Random()], ids=repr)
def test_of_several_granularities_each_is_scored_as_if_alone(scorer: Scorer) -> None:
    seed = 3 if scorer.seeded else None
    both = scored(step(scorer, HEAD, NEURON, seed=seed))
    assert list(both) == [HEAD, NEURON]
    for granularity in (HEAD, NEURON):
        alone = scored(step(scorer, granularity, seed=seed))
        assert np.array_equal(alone[granularity], both[granularity])
        assert both[granularity].dtype == np.float32
    assert not scorer.joint


def test_a_scorer_may_score_all_granularities_at_once() -> None:
    Together.seen.clear()
    kept = {HEAD: torch.arange(8) < 7, NEURON: torch.arange(16) < 12}
    found = scored(step(Together(), NEURON, HEAD), kept)
    assert Together().joint
    assert Together.seen == [{"neuron": 12, "head": 7}]
    assert {g.name: values.tolist() for g, values in found.items()} == {"neuron": [24.0] * 16, "head": [24.0] * 8}
    assert scored(step(Together(), HEAD))[HEAD].tolist() == [8.0] * 8


def test_what_is_scored_together_is_one_part_of_a_step() -> None:
    assert step(Together(), HEAD, NEURON).parts == (step(Together(), HEAD, NEURON),)
    assert step(Combined(), HEAD, NEURON).parts == (step(Combined(), HEAD), step(Combined(), NEURON))


def broken(given: Any) -> Scorer:
    class Broken(Scorer):
        name: ClassVar[str] = "broken"
        help: ClassVar[str] = "for a test"

        def score(self, view: View) -> Tensor:
            raise NotImplementedError

        def score_together(self, views: Mapping[Granularity, View]) -> Mapping[Granularity, Tensor]:  # noqa: ARG002
            return given  # type: ignore[no-any-return]

    return Broken()


GOOD = {HEAD: torch.zeros(8), NEURON: torch.zeros(16)}
NAN = torch.tensor([0.0] * 15 + [float("nan")])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "scorer 'mine' does not give the contributions of head and neuron, and of nothing else"),
        ({HEAD: torch.zeros(8)}, "scorer 'mine' does not give the contributions of head and neuron"),
        (GOOD | {Head(min_keep=2): torch.zeros(8)}, "scorer 'mine' does not give the contributions of head and neuron"),
        (GOOD | {NEURON: [0.0] * 16}, "scorer 'mine' gave a list, not a tensor"),
        (GOOD | {NEURON: torch.zeros(15)}, r"scorer 'mine' gave \[15\] contributions for 16 neuron units"),
        (
            GOOD | {NEURON: torch.zeros(16).double()},
            "scorer 'mine' gave torch.float64, not torch.float32",
        ),
        (GOOD | {NEURON: NAN}, "scorer 'mine' gave 1 neuron contributions that are not finite"),
    ],
    ids=str,
)
def test_what_is_no_contribution_of_every_unit_is_refused(given: Any, told: str) -> None:
    with pytest.raises(PluginError, match=told):
        score(MODEL, CALIBRATION, step(broken(given), HEAD, NEURON), Collected(), LAYERS)
