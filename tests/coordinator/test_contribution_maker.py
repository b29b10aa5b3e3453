"""Contributions that depend on how much is removed, and those that are combined from members, each computed once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import pytest
import torch
from torch import Tensor

from ablate.coordinator.contribution_maker import ContributionMaker
from ablate.coordinator.run import prepare_model_run
from ablate.errors import StoreError
from ablate.events import Event
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.units import Units
from ablate.plan.plan import Step
from ablate.scorers.base import Scorer, View
from ablate.store.store import Store
from ablate.timing import Timings
from tests.bench import Bench, make_bench

HEAD: Granularity = Head()
NEURON: Granularity = Neuron()


class Aims(Scorer):
    """Every unit contributes as many units as the step removes now."""

    name: ClassVar[str] = "aims"
    help: ClassVar[str] = "for a test"
    slow: ClassVar[bool] = True
    calls: ClassVar[list[tuple[str, int | None]]] = []

    aims: bool = True

    @property
    def targeted(self) -> bool:
        return self.aims

    def score(self, view: View) -> Tensor:
        self.calls.append((view.granularity.name, view.remove))
        return torch.full((len(view.layers),), float(view.remove or 0))


class Mean(Scorer):
    """The mean of the seeds. Each member contributes its seed."""

    name: ClassVar[str] = "mean"
    help: ClassVar[str] = "for a test"
    slow: ClassVar[bool] = True
    calls: ClassVar[list[tuple[int, ...]]] = []
    breaks: ClassVar[bool] = False

    of: tuple[int, ...] = (0,)

    def members(self) -> tuple[Self, ...]:
        return tuple(self.model_copy(update={"of": (seed,)}) for seed in self.of) if len(self.of) > 1 else ()

    def score(self, view: View) -> Tensor:
        self.calls.append(self.of)
        if self.of == (4,) and self.breaks:
            raise KeyboardInterrupt
        view.watch(Event("fit", f"seed {self.of}", total=1))
        if view.members:
            return torch.stack(view.members).mean(0)
        return torch.full((len(view.layers),), float(self.of[0]))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


@pytest.fixture
def scores(bench: Bench) -> Iterator[ContributionMaker]:
    job = bench.job(scorers=["combined"])
    with Store(bench.store) as store:
        yield prepare_model_run(job, job.recipe.model[0], store, Timings(), bench.watch).masks.scores


def step(scorer: Scorer, sparsity: float, *granularities: Granularity, steps: int = 1) -> Step:
    return Step(tuple((g, sparsity) for g in granularities), scorer, scorer.name, steps=steps)


def test_a_targeted_scorer_is_told_what_the_step_removes_and_scores_each_sparsity_once(
    scores: ContributionMaker,
) -> None:
    Aims.calls.clear()
    for _ in range(2):
        assert scores.of(step(Aims(), 0.25, HEAD), Units())[HEAD].tolist() == [2.0] * 8
        assert scores.of(step(Aims(), 0.5, HEAD), Units())[HEAD].tolist() == [4.0] * 8
    assert Aims.calls == [("head", 2), ("head", 4)]
    # The first of two shares of a half removes a quarter.
    assert scores.of(step(Aims(), 0.5, HEAD, steps=2), Units())[HEAD].tolist() == [2.0] * 8
    assert len(Aims.calls) == 2
    assert scores.of(step(Aims(), 0.5, HEAD), Units(), {HEAD: 3})[HEAD].tolist() == [3.0] * 8


def test_each_granularity_of_a_step_has_its_own_number(scores: ContributionMaker) -> None:
    Aims.calls.clear()
    units = len(scores.layers_of(NEURON))
    found = scores.of(step(Aims(), 0.25, HEAD, NEURON), Units())
    assert {g.name: float(values[0]) for g, values in found.items()} == {"head": 2.0, "neuron": units / 4}


def test_other_scorers_are_told_nothing_and_score_once_for_all_sparsities(scores: ContributionMaker) -> None:
    Aims.calls.clear()
    for sparsity in (0.25, 0.5):
        assert scores.of(step(Aims(aims=False), sparsity, HEAD), Units(), {HEAD: 1})[HEAD].tolist() == [0.0] * 8
    assert Aims.calls == [("head", None)]


def test_members_are_computed_once_and_shared(bench: Bench, scores: ContributionMaker) -> None:
    Mean.calls.clear()
    assert scores.of(step(Mean(of=(1, 3)), 0.25, HEAD), Units())[HEAD].tolist() == [2.0] * 8
    assert Mean.calls == [(1,), (3,), (1, 3)]
    assert [event.text for event in bench.events if event.kind == "fit"] == ["seed (1,)", "seed (3,)", "seed (1, 3)"]
    assert scores.of(step(Mean(of=(1, 3, 8)), 0.25, HEAD), Units())[HEAD].tolist() == [4.0] * 8
    assert Mean.calls[3:] == [(8,), (1, 3, 8)]


def test_an_interrupted_scorer_keeps_its_finished_members(
    scores: ContributionMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mean.calls.clear()
    with monkeypatch.context() as broken:
        broken.setattr(Mean, "breaks", True)
        with pytest.raises(KeyboardInterrupt):
            scores.of(step(Mean(of=(2, 4)), 0.25, HEAD), Units())
    assert scores.of(step(Mean(of=(2, 4)), 0.25, HEAD), Units())[HEAD].tolist() == [3.0] * 8
    assert Mean.calls == [(2,), (4,), (4,), (2, 4)]


def test_errors_of_the_store_are_not_taken_for_a_scorers(
    scores: ContributionMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "put_scores", full)
    with pytest.raises(StoreError, match="the disk is full"):
        scores.of(step(Mean(), 0.25, HEAD), Units())
