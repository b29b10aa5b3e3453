"""Gates find units that were planted to hurt, at one granularity and at two, and do the rest that docs say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from ablate.data.calibration import Calibration
from ablate.engine.collect import Collected
from ablate.engine.score import score
from ablate.errors import AblateError, DataError, PluginError
from ablate.events import Event, Watch, silent
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.units import Units
from ablate.granularities.unstructured import Unstructured
from ablate.models.masked import masked
from ablate.plan.plan import Step
from ablate.scorers.gates import Gates
from ablate.store.keys import parts_used
from ablate.testing.samples import sample_calibration, sample_sentences
from ablate.testing.tiny import tiny_model

HEAD: Granularity = Head()
NEURON: Granularity = Neuron()
MODEL = tiny_model(neurons=8)
PLANTED: Mapping[Granularity, tuple[int, ...]] = {HEAD: (1, 6), NEURON: (0, 5, 9, 14)}


def without(planted: Mapping[Granularity, tuple[int, ...]]) -> Units:
    units = Units()
    for granularity, removed in planted.items():
        mask = np.ones(len(granularity.layers(MODEL)), bool)
        mask[list(removed)] = False
        units = units.with_mask(granularity, mask)
    return units


def calibration(planted: Mapping[Granularity, tuple[int, ...]], batch_size: int = 16) -> Calibration:
    """Pairs whose gold scores are the cosines that the model gives without the planted units."""
    sentences = sample_sentences(128)
    left, right = sentences[:64], sentences[64:]
    with masked(MODEL, without(planted).keep(MODEL)), torch.no_grad():
        embeddings = [MODEL.embed(MODEL.pad(MODEL.tokenize(list(part)))) for part in (left, right)]
    gold = 2.5 + 2.5 * cosine_similarity(embeddings[0], embeddings[1])
    graded = tuple(zip(left, right, gold.tolist(), strict=True))
    return Calibration((), (), batch_size, 0, False, frozenset(), graded)


def scored(
    scorer: Gates,
    planted: Mapping[Granularity, tuple[int, ...]],
    examples: Calibration | None = None,
    kept: Mapping[Granularity, Tensor] | None = None,
    watch: Watch = silent,
) -> dict[Granularity, Any]:
    """Contributions of a step that removes as many units as are planted."""
    layers = {g: g.layers(MODEL) for g in planted}
    step = Step(tuple((g, 0.25) for g in planted), scorer, "gates")
    remove = {g: len(units) for g, units in planted.items()} if scorer.targeted else None
    given = examples or calibration(planted)
    return score(MODEL, given, step, Collected(), layers, kept, remove=remove, watch=watch)


def lowest(contributions: Any, count: int) -> tuple[int, ...]:
    return tuple(sorted(contributions.argsort()[:count].tolist()))


@pytest.mark.parametrize(
    "planted", [{HEAD: PLANTED[HEAD]}, {NEURON: PLANTED[NEURON]}, PLANTED], ids=["head", "neuron", "both"]
)
def test_what_hurts_is_what_closes(planted: Mapping[Granularity, tuple[int, ...]]) -> None:
    """Removing the planted units makes the loss 0, and removing any others does not."""
    found = scored(Gates(updates=400), planted)
    assert {g: lowest(values, len(planted[g])) for g, values in found.items()} == planted
    for granularity, values in found.items():
        hurts = np.isin(np.arange(len(values)), planted[granularity])
        assert values[hurts].max() < 0.6 < 0.8 < values[~hurts].min(), "closed and open"


def test_with_shuffled_gold_scores_nothing_is_learned_from_them() -> None:
    (plain, shuffled) = (
        scored(Gates(updates=400, shuffled=one), {NEURON: PLANTED[NEURON]})[NEURON] for one in (False, True)
    )
    assert lowest(plain, 4) == PLANTED[NEURON] != lowest(shuffled, 4)


def test_a_target_of_its_own_serves_every_sparsity() -> None:
    own, asked = Gates(target=0.25, updates=8), Gates(updates=8)
    assert (own.targeted, asked.targeted) == (False, True)
    one = {HEAD: PLANTED[HEAD]}
    assert np.array_equal(scored(own, one)[HEAD], scored(asked, one)[HEAD]), "a quarter of the heads is two"


def test_a_target_is_a_share_of_the_units_that_are_left() -> None:
    """So a step in shares, or after another step, trains gates that differ, and leaves none to chance."""
    kept = {HEAD: torch.arange(8) != 1}
    one = {HEAD: (6,)}
    with masked(MODEL, HEAD.keep(MODEL, kept[HEAD])):
        seventh, asked = (
            scored(Gates(target=target, updates=6), one, calibration(one), kept)[HEAD] for target in (1 / 7, None)
        )
    np.testing.assert_allclose(seventh, asked, rtol=1e-6)
    assert len(set(asked[kept[HEAD].numpy()].tolist())) == 7


def test_nothing_is_trained_where_nothing_is_to_close() -> None:
    events: list[Event] = []
    assert scored(Gates(), {HEAD: ()}, calibration({HEAD: ()}), watch=events.append)[HEAD].tolist() == [1.0] * 8
    assert events == []


def test_progress_is_told_update_by_update() -> None:
    events: list[Event] = []
    scored(Gates(updates=3, gate_seeds=(7,)), {HEAD: (1, 6)}, watch=events.append)
    assert events == [Event("fit", "gates, seed 7", total=3), *[Event("step", "")] * 3]


def test_seeds_are_members_and_their_mean_is_the_contribution() -> None:
    several = Gates(gate_seeds=(3, 5), updates=4)
    members = several.members()
    assert [member.gate_seeds for member in members] == [(3,), (5,)]
    assert all(member.members() == () for member in members)
    one = {HEAD: PLANTED[HEAD]}
    of_members = [scored(member, one)[HEAD] for member in members]
    assert not np.array_equal(*of_members)
    mean = score(
        MODEL,
        calibration(one),
        Step(((HEAD, 0.25),), several, "gates"),
        Collected(),
        {HEAD: HEAD.layers(MODEL)},
        remove={HEAD: 2},
        members=[{HEAD: scores} for scores in of_members],
    )
    np.testing.assert_allclose(mean[HEAD], np.mean(of_members, axis=0), rtol=1e-6)


@pytest.mark.parametrize("loss", ["align", "uniform", "combined", "infonce", "correlation"])
def test_each_loss_looks_at_its_own_examples(loss: Any) -> None:
    scorer = Gates(loss=loss, updates=3)
    looks = {"align": {"pairs"}, "uniform": {"sentences"}, "combined": {"pairs", "sentences"}, "infonce": {"pairs"}}
    assert parts_used(scorer) == looks.get(loss, {"graded"})
    examples = sample_calibration()
    alone = examples
    for other in {"pairs", "sentences", "graded"} - parts_used(scorer):
        nothing: dict[str, Any] = {other: ()}
        alone = replace(alone, **nothing)
    one = {HEAD: PLANTED[HEAD]}
    assert np.array_equal(scored(scorer, one, alone)[HEAD], scored(scorer, one, examples)[HEAD])


def test_pairs_under_dropout_differ_from_update_to_update() -> None:
    """Both members of a pair are one sentence, whose distance is 0 without dropout."""
    examples = sample_calibration(dropout=True)
    found = scored(Gates(loss="align", updates=4), {HEAD: PLANTED[HEAD]}, examples)[HEAD]
    assert len(set(found.tolist())) == 8


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"lambda": 0.5}, "lambda belongs to loss: combined; leave it out"),
        ({"temperature": 0.1}, "temperature belongs to loss: infonce; leave it out"),
        ({"loss": "align", "shuffled": True}, "shuffled belongs to loss: correlation"),
        ({"gate_seeds": [1, 1]}, "gate_seeds lists a seed twice; list it once"),
        ({"gate_seeds": []}, "at least 1 item"),
        ({"target": 1.0}, "less than 1"),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Gates.model_validate(given)


def test_single_weights_are_refused() -> None:
    with pytest.raises(PluginError, match="'gates' is for head and neuron, not 'unstructured'"):
        Gates().supports(Unstructured())


def test_too_few_examples_for_a_batch() -> None:
    with pytest.raises(DataError, match="8 graded, fewer than a batch of 32"):
        scored(Gates(batch_size=32), {HEAD: (1,)}, sample_calibration())


def test_a_loss_that_is_not_finite() -> None:
    flat = Calibration((), (), 4, 0, False, frozenset(), (("a", "b", 1.0),) * 4)
    with pytest.raises(AblateError, match="loss 'correlation' is nan on a calibration batch"):
        scored(Gates(), {HEAD: (1,)}, flat)
