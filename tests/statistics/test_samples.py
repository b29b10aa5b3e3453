"""Sets and sentences as samples: by hand, against scipy, and in a simulation where pairs share sentences.

python -m tests.statistics.test_samples      # prints the figures of docs/statistics.md
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ablate.errors import Undefined
from ablate.statistics.compare import contrast
from ablate.statistics.metric import MEAN, SPEARMAN, Statistic
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.samples import by_component, components, over_sets

Array = NDArray[Any]
SHARED = 5
"""Sentences in a component of the simulation, and the pairs of them: each with the next, in a ring."""


def panel(task: str, sentences: Any, gold: Any = None) -> Panel:
    """A panel whose pairs are clusters of their own."""
    sentences = np.asarray(sentences, np.int64)
    n = len(sentences)
    gold = np.zeros(n) if gold is None else gold
    return Panel(task, gold, np.ones(n, bool), np.arange(n), np.zeros(n, np.int32), sentences)


def test_the_interval_over_sets_by_hand_and_by_scipy() -> None:
    # Mean 2, sample sd 1, three sets: 2 ± 4.3027 / sqrt(3).
    assert over_sets(np.array([1.0, 2.0, 3.0])) == pytest.approx((-0.48414, 4.48414), abs=1e-4)
    deltas = np.random.default_rng(0).normal(size=7)
    interval = scipy.stats.ttest_1samp(deltas, 0).confidence_interval(0.95)
    assert over_sets(deltas) == pytest.approx((interval.low, interval.high))
    with pytest.raises(Undefined, match="2 sets, and an interval over sets needs 3"):
        over_sets(np.array([1.0, 2.0]))
    with pytest.raises(Undefined, match="all 3 sets have the same delta"):
        over_sets(np.zeros(3))


def test_components_by_hand() -> None:
    # 1-2 and 2-3 share 2; the second task ties 3 to 9, and 9 to itself; 5-6 is alone; 7 is a single text, and so is 8.
    one, two = components([np.array([[1, 2], [2, 3], [5, 6]]), np.array([[3, 9], [9, 9], [7, 7], [8, 8]])])
    assert one[0] == one[1] == two[0] == two[1]
    assert len({one[0], one[2], two[2], two[3]}) == 4
    # 300 copies of one edge are still an edge.
    (many,) = components([np.array([[1, 2]] * 256 + [[2, 3]])])
    assert set(many.tolist()) == {0}


@given(st.lists(st.lists(st.integers(0, 12), min_size=2, max_size=2), min_size=1, max_size=15), st.integers(0, 15))
def test_components_are_what_walking_along_shared_sentences_reaches(pairs: list[list[int]], cut: int) -> None:
    parts = [np.array(part, np.int64).reshape(-1, 2) for part in (pairs[:cut], pairs[cut:])]
    found = np.concatenate(components(parts))
    for start in range(len(pairs)):
        reached = {start}
        while more := {
            i for i in range(len(pairs)) if i not in reached and any(set(pairs[i]) & set(pairs[j]) for j in reached)
        }:
            reached |= more
        assert reached == {i for i in range(len(pairs)) if found[i] == found[start]}


def bootstrap(judged: dict[str, Judged], values: dict[str, Array], draws: int = 2000) -> Array:
    """Of the mean over tasks, of one model."""
    boots = Joint(judged, draws, 0).bootstrap({task: {"a": of_task} for task, of_task in values.items()})
    return np.asarray(np.mean([of_task["a"] for of_task in boots.values()], axis=0))


def test_resampling_components_is_resampling_their_means() -> None:
    """50 components of 4 pairs whose values are nearly the same: the truth is the standard error of 50 means."""
    rng = np.random.default_rng(1)
    of_component = rng.normal(size=50)
    values = (np.repeat(of_component, 4) + 0.1 * rng.normal(size=200)).astype(np.float32)
    sentences = np.stack([np.arange(200) // 4, 1000 + np.arange(200)], axis=1)
    judged = {"t": Judged(panel("t", sentences), MEAN)}
    means = values.astype(float).reshape(50, 4).mean(1)
    ours = contrast(means.mean(), bootstrap(by_component(judged), {"t": values}, 4000))
    theirs = scipy.stats.bootstrap((means,), np.mean, n_resamples=4000, method="percentile", rng=0)
    assert ours.se == pytest.approx(theirs.standard_error, rel=0.05)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.15 * ours.se)
    # Four copies of nearly one value are one value: pairs give half of that standard error.
    over_pairs = contrast(means.mean(), bootstrap(judged, {"t": values}))
    assert ours.se / over_pairs.se == pytest.approx(2, rel=0.07)


def test_a_component_moves_together_in_all_tasks() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=60).astype(np.float32)
    sentences = np.stack([np.arange(60), 100 + np.arange(60)], axis=1)
    other = np.stack([np.arange(60), 200 + np.arange(60)], axis=1)
    # The two tasks share the first sentence of each pair and no pair.
    both = {"a": Judged(panel("a", sentences), MEAN), "b": Judged(panel("b", other), MEAN)}
    both["b"].panel.cluster[:] += 1000
    mean = bootstrap(by_component(both), {"a": values, "b": values})
    assert mean.std() == pytest.approx(values.std() / np.sqrt(60), rel=0.07)
    assert bootstrap(both, {"a": values, "b": values}).std() == pytest.approx(values.std() / np.sqrt(120), rel=0.07)


def test_without_shared_sentences_components_are_pairs() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=100).astype(np.float32)
    judged = {"t": Judged(panel("t", np.arange(200).reshape(100, 2)), MEAN)}
    same = bootstrap(by_component(judged), {"t": values})
    np.testing.assert_array_equal(same, bootstrap(judged, {"t": values}))


def test_what_cannot_be_resampled_is_withheld() -> None:
    bare = Panel("old", np.zeros(2), np.ones(2, bool), np.arange(2), np.zeros(2, np.int32))
    with pytest.raises(Undefined, match="the pairs of old were stored by an older ablate"):
        by_component({"old": Judged(bare, MEAN)})
    with pytest.raises(Undefined, match="all pairs are connected"):
        by_component({"t": Judged(panel("t", [[1, 2], [2, 3]]), MEAN)})


def coverage(comparisons: int, statistic: Statistic, groups: int = 120, draws: int = 400) -> tuple[float, float, float]:
    """How often the interval over pairs and over components holds the true difference of 0, and the ratio of errors.

    Each model has an error of its own on each sentence, which all pairs of the sentence share, and one on each pair. Half
    of the variance of the gold scores is between components.
    """
    covered, ratios = [], []
    ring = np.arange(SHARED)
    sentences = np.concatenate([SHARED * g + np.stack([ring, (ring + 1) % SHARED], axis=1) for g in range(groups)])
    for number in range(comparisons):
        rng = np.random.default_rng([23, number])
        gold = (np.repeat(rng.normal(size=groups), SHARED) + rng.normal(size=len(sentences))) / np.sqrt(2)
        values = {}
        for model in ("a", "b"):
            of_sentence = 0.5 * rng.normal(size=SHARED * groups)
            noise = of_sentence[sentences].sum(1) + 0.3 * rng.normal(size=len(gold))
            values[model] = (gold + noise).astype(np.float32)
        delta = statistic.value(values["a"], gold) - statistic.value(values["b"], gold)
        judged = {"t": Judged(panel("t", sentences, gold), statistic)}
        found = []
        for tasks in (judged, by_component(judged)):
            boots = Joint(tasks, draws, number).bootstrap({"t": values})["t"]
            found.append(contrast(delta, boots["a"] - boots["b"]))
        covered.append([one.low <= 0 <= one.high for one in found])
        ratios.append(found[1].se / found[0].se)
    of_pairs, of_components = np.mean(covered, axis=0)
    return float(of_pairs), float(of_components), float(np.mean(ratios))


@pytest.mark.slow
@pytest.mark.parametrize("statistic", [MEAN, SPEARMAN], ids=["mean", "spearman"])
def test_components_cover_the_truth_where_pairs_share_sentences(statistic: Statistic) -> None:
    of_pairs, of_components, ratio = coverage(600, statistic)
    assert 0.92 <= of_components <= 0.97
    assert of_pairs < (0.88 if statistic is MEAN else of_components - 0.01)
    assert ratio > 1


if __name__ == "__main__":
    for name, of_scores in (("mean", MEAN), ("spearman", SPEARMAN)):
        pairs_, components_, ratio_ = coverage(1000, of_scores)
        print(f"{name}: over pairs {pairs_:.1%}, over components {components_:.1%}, se × {ratio_:.2f}")
