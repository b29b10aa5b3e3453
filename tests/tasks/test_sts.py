"""The STS task: Spearman of cosine and gold, and when it has no value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata

from ablate.data.items import ItemSet
from ablate.errors import Undefined
from ablate.tasks.sts import STS_TASKS

Task = next(task for task in STS_TASKS if task.name == "stsb")
GOLD = [5.0, 0.0, 3.0, 3.0, 1.5]


def data(gold: list[float]) -> ItemSet:
    n = len(gold)
    texts = tuple(("x" if i % 2 else f"left {i}", f"right {i}") for i in range(n))
    return ItemSet("stsb", "test", "senteval", texts, np.array(gold), ("",) * n)


def all_of(gold: list[float]) -> NDArray[np.bool_]:
    return np.ones(len(gold), bool)


def test_measure_is_the_cosine_of_each_pair() -> None:
    pairs = data(GOLD)
    embeddings = torch.randn(len(pairs.sentences), 7, generator=torch.manual_seed(0))
    values = Task().measure(pairs, embeddings)
    assert values.dtype == np.float32
    at = {sentence: embeddings[i].double().numpy() for i, sentence in enumerate(pairs.sentences)}
    for value, a, b in zip(values, pairs.left, pairs.right, strict=True):
        assert value == pytest.approx(at[a] @ at[b] / np.linalg.norm(at[a]) / np.linalg.norm(at[b]), abs=1e-6)
    np.testing.assert_allclose(Task().measure(pairs, 3.5 * embeddings), values, atol=1e-6)


def test_an_embedding_of_zeros_is_no_nan() -> None:
    pairs = data(GOLD)
    assert Task().measure(pairs, torch.zeros(len(pairs.sentences), 3)).tolist() == [0.0] * 5


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 5), st.booleans()), min_size=3, max_size=30))
def test_the_score_is_the_pearson_correlation_of_ranks_over_the_kept_pairs(rows: list[tuple[int, int, bool]]) -> None:
    similarity = np.array([row[0] / 10 for row in rows], np.float32)
    gold, kept = [float(row[1]) for row in rows], np.array([row[2] for row in rows])
    inside = similarity[kept], np.array(gold)[kept]
    if kept.sum() < 3 or len(set(inside[0])) == 1 or len(set(inside[1])) == 1:
        with pytest.raises(Undefined):
            Task().score(data(gold), similarity, kept)
    else:
        expected = 100 * pearsonr(rankdata(inside[0]), rankdata(inside[1])).statistic
        assert Task().score(data(gold), similarity, kept) == pytest.approx(expected, abs=1e-9)


def test_the_ends_of_the_scale() -> None:
    gold = [0.0, 1.0, 2.0, 5.0]
    for values, expected in (([0.1, 0.2, 0.3, 0.4], 100), ([0.4, 0.3, 0.2, 0.1], -100)):
        score = Task().score(data(gold), np.array(values, np.float32), all_of(gold))
        assert score == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "gold", "reason"),
    [
        ([0.1, 0.2], [1.0, 2.0], "2 pairs, fewer than 3"),
        ([0.1, 0.2, 0.3], [2.0, 2.0, 2.0], "all 3 gold scores are equal"),
        ([0.5, 0.5, 0.5], [1.0, 2.0, 3.0], "all 3 similarities are equal"),
        # One and the same embedding, encoded in batches of different shapes.
        ([1.0, 0.9999999, 1.0000001], [1.0, 2.0, 3.0], "all 3 similarities are equal"),
    ],
)
def test_what_has_no_value_says_why(values: list[float], gold: list[float], reason: str) -> None:
    with pytest.raises(Undefined, match=f"^{reason}$"):
        Task().score(data(gold), np.array(values, np.float32), all_of(gold))


def test_names_and_splits() -> None:
    splits = {task.name: task.split for task in STS_TASKS}
    assert splits == {
        **{f"sts{year}": "test" for year in range(12, 17)},
        **dict.fromkeys(("stsb", "sickr", "synthetic"), "test"),
        **{f"{name}-{split}": split for name in ("stsb", "sickr", "synthetic") for split in ("dev", "train")},
    }
    assert {(t.metric, t.unit, t.higher_is_better) for t in STS_TASKS} == {("spearman", "points", True)}
