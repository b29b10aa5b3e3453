"""The oracle gives what removing a unit does; its tasks are dev tasks, and count as seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.nn.functional import normalize

from ablate.engine.collect import Collected
from ablate.engine.score import view_of
from ablate.errors import PluginError, RecipeError
from ablate.events import Event
from ablate.granularities.head import Head
from ablate.models.chunks import InTurn
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.losses import ALIGN, UNIFORM, Loss
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.plugins import registry
from ablate.scorers.base import Work
from ablate.scorers.oracle import Oracle, group_by_rank
from ablate.store.store import Store
from tests.bench import Bench, Pair, make_bench, of, one, pairs, write_set


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def contributions(bench: Bench) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The only contributions in the store."""
    from sqlalchemy import select

    from ablate.store import schema

    with Store(bench.store) as store, store._database.reading() as connection:
        (key,) = connection.execute(select(schema.scores.c.key)).scalars()
        found = store.get_scores(key)
    assert found is not None
    return found


def without(model: Model, unit: int | None, sentences: list[str]) -> torch.Tensor:
    mask = torch.ones(8, dtype=torch.bool)
    if unit is not None:
        mask[unit] = False
    with masked(model, Head().keep(model, mask)):
        return normalize(encode(model, prepare(model, sentences)), dim=1)


def mean_score(model: Model, unit: int | None, sets: list[list[Pair]]) -> float:
    """Of sets encoded together, as a task measures them: the cosines of equal sentences differ by rounding alone."""
    sentences = list(dict.fromkeys(s for content in sets for left, right, _ in content for s in (left, right)))
    row = {sentence: place for place, sentence in enumerate(sentences)}
    found = without(model, unit, sentences)
    scores = []
    for content in sets:
        left, right, gold = zip(*content, strict=True)
        a, b = (found[[row[sentence] for sentence in side]] for side in (left, right))
        scores.append(100 * float(spearmanr((a * b).sum(1), gold).statistic))
    return float(np.mean(scores))


def oracle(**given: Any) -> dict[str, Any]:
    return {"scorer": "oracle", **given}


@pytest.mark.parametrize("on", ["sts-dev", ["stsb-dev", "sickr-dev"]])
def test_of_tasks_it_is_the_fall_of_their_mean_score(bench: Bench, on: Any) -> None:
    bench.run(scorers=[oracle(on=on)])
    model = load_model(ModelSpec(name=str(bench.model)))
    sets = [pairs(1, 30), pairs(4, 12, low=1.0)][: 1 if on == "sts-dev" else 2]
    dense = mean_score(model, None, sets)
    expected = [dense - mean_score(model, unit, sets) for unit in range(8)]
    assert contributions(bench) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("loss", [ALIGN, UNIFORM], ids=lambda loss: loss.name)
def test_of_a_loss_it_is_the_rise_of_the_mean_over_the_batches(bench: Bench, loss: Loss) -> None:
    from ablate.data.calibration import calibrate, splits_of
    from ablate.data.senteval import SentEval

    recipe = bench.recipe(scorers=[oracle(on=loss.name)])
    bench.run(scorers=[oracle(on=loss.name)])
    model = load_model(ModelSpec(name=str(bench.model)))
    spec = recipe.calibration
    calibration = calibrate(spec, splits_of(spec, SentEval(bench.data)))
    batches = list(calibration.batches(loss.over))

    def mean(unit: int | None) -> float:
        return float(np.mean([float(loss.of(without(model, unit, list(b.sentences)))) for b in batches]))

    assert contributions(bench) == pytest.approx([mean(unit) - mean(None) for unit in range(8)], abs=1e-5)


def test_groups_are_neighbors_in_the_ranking_within_a_layer() -> None:
    ranking = torch.tensor([3.0, 1, 2, 9, 0, 5, 4, 6])
    layers = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1])
    kept = torch.tensor([True, True, True, False, True, True, True, True])
    assert [group.tolist() for group in group_by_rank(ranking, layers, kept, 2)] == [[4, 1], [2, 0], [6, 5], [7]]
    assert [group.tolist() for group in group_by_rank(ranking, layers, kept, 9)] == [[4, 1, 2, 0], [6, 5, 7]]
    assert [group.tolist() for group in group_by_rank(ranking, layers, layers > 0, 3)] == [[6, 5, 7]]


def test_neurons_in_groups_have_the_contribution_of_their_group(bench: Bench) -> None:
    bench.run(scorers=[oracle(group=16, by="align")], granularities=["neuron"])
    found = contributions(bench) if False else None
    with Store(bench.store) as store, store._database.reading() as connection:
        from sqlalchemy import select

        from ablate.store import schema

        keys = connection.execute(select(schema.scores.c.key)).scalars().all()
        (found,) = [f for k in keys if (f := store.get_scores(k)) is not None and len(np.unique(f)) <= 8]
    values, counts = np.unique(found, return_counts=True)
    assert len(found) == 128
    assert counts.tolist() == [16] * len(values)


def test_a_second_step_scores_what_the_first_has_left(bench: Bench) -> None:
    row = one(bench.run(scorers=[oracle()], sparsities=[0.5], steps=4), scorer="oracle")
    assert row.units_removed == 4
    gone: list[int] = []
    model, content = load_model(ModelSpec(name=str(bench.model))), pairs(1, 30)
    head = Head()

    def gain(units: list[int]) -> float:
        mask = torch.ones(8, dtype=torch.bool)
        mask[units] = False
        with masked(model, head.keep(model, mask)):
            return score_now(model, content)

    for _ in range(4):
        free = [u for u in range(8) if u not in gone and len([g for g in gone if g // 4 == u // 4]) < 3]
        gone.append(max(free, key=lambda unit: gain([*gone, unit])))
    assert row.score == pytest.approx(gain(gone), abs=1e-3)


def score_now(model: Model, content: list[Pair]) -> float:
    left, right, gold = zip(*content, strict=True)
    a, b = (normalize(encode(model, prepare(model, list(side))), dim=1) for side in (left, right))
    return 100 * float(spearmanr((a * b).sum(1), gold).statistic)


def test_what_it_looked_at_does_not_judge(bench: Bench) -> None:
    write_set(bench.data, "stsb", [*pairs(0, 40), *pairs(4, 5, low=1.0)])
    write_set(bench.data, "sickr-dev", pairs(4, 12, low=1.0))
    results = bench.run(scorers=[oracle(on="sickr-dev")], confirm=["stsb"])
    assert {row.n_clean for row in of(results, stage="confirm")} == {40}
    assert {row.n_clean for row in of(results, stage="screen")} == {30}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"on": "stsb"}, "a scorer looks at 'stsb', a test set, which must not choose; name a dev or train set"),
        ({"on": ["stsb-dev", "sickr"]}, "a scorer looks at 'sickr', a test set"),
        ({"on": "stsb-dve"}, "a scorer looks at a task: .*did you mean 'stsb-dev'"),
        ({"on": []}, "on: must be a list that is not empty"),
        ({"group": 0}, "group: must be at least 1"),
    ],
)
def test_bad_parameters(bench: Bench, given: dict[str, Any], text: str) -> None:
    with pytest.raises(RecipeError, match=text):
        bench.job(scorers=[oracle(**given)])


def test_the_ranker_is_a_cheap_scorer() -> None:
    with pytest.raises(PluginError, match="by: 'oracle' is not a cheap scorer"):
        Oracle(group=2, by="oracle").resolved(registry().scorer)
    with pytest.raises(PluginError, match="did you mean 'magnitude'"):
        Oracle(group=2, by="magnitud").resolved(registry().scorer)
    with pytest.raises(PluginError, match="by: 'magnitude' is not resolved"):
        Oracle(group=2, by="magnitude").statistics()


@pytest.mark.parametrize("divides", [False, True])
def test_it_tells_of_each_group_that_it_removes(bench: Bench, divides: bool) -> None:
    model = load_model(ModelSpec(name=str(bench.model)))
    events: list[Event] = []
    layers = Head().layers(model)
    view = replace(
        view_of(model, bench.job(scorers=["align"]).calibration, Oracle(on=("align",)), Head(), layers, Collected(), 0),
        watch=events.append,
        chunks=Divided(model) if divides else None,
    )
    once = Oracle(on=("align",)).score(view)
    assert [(event.kind, event.text, event.total) for event in events] == [
        ("fit", "removals of head, align", 8),
        *[("step", "", 0)] * 8,
    ]
    if divides:
        np.testing.assert_allclose(once, Oracle(on=("align",)).score(replace(view, chunks=None)), atol=1e-6)


def test_its_work_is_a_part_of_the_model_for_each_group() -> None:
    # The dense model; of 12 layers, the removal from one runs it and those above: on average 6.5 of them.
    assert Oracle(on=("align",)).work(144, 12) == Work(144, 1 + 144 * 6.5 / 12)
    assert Oracle(group=100).work(12 * 250, 12) == Work(36, 1 + 36 * 6.5 / 12)
    assert Oracle().work(0, 12) is None


class Divided(InTurn):
    """Pretends that calls are made at the same time, and gives them back in another order."""

    @property
    def divides(self) -> bool:
        return True

    def map(self, *given: Any, **named: Any) -> Iterator[tuple[int, Any]]:
        return iter(list(super().map(*given, **named))[::-1])
