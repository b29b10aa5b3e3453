"""Joint draws: whole clusters, their strata, the same for every model; and against scipy's own resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from ablate.statistics.compare import contrast
from ablate.statistics.metric import SPEARMAN, Mean, Spearman, Statistic
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Joint, Judged

Array = NDArray[Any]


def panel(task: str, gold: Array, cluster: Any = None, stratum: Any = None) -> Panel:
    n = len(gold)
    return Panel(
        task,
        np.asarray(gold, np.float64),
        np.ones(n, bool),
        np.asarray(np.arange(n) if cluster is None else cluster, np.int64),
        np.asarray(np.zeros(n) if stratum is None else stratum, np.int32),
    )


def joint(*panels: Panel, draws: int = 400, seed: int = 0, statistic: Statistic = SPEARMAN) -> Joint:
    return Joint({one.task: Judged(one, statistic) for one in panels}, draws, seed)


def models(seed: int, n: int, noise: tuple[float, float] = (0.5, 0.6)) -> tuple[Array, Array, Array]:
    """A gold signal and two models that add independent noise."""
    rng = np.random.default_rng(seed)
    gold = rng.normal(size=n)
    a, b = ((gold + size * rng.normal(size=n)).astype(np.float32) for size in noise)
    return gold, a, b


class Raw(Spearman):
    """Does not say what each item adds to a difference."""

    def exchanged_by_item(self, a: Array, b: Array, gold: Array, swaps: Array) -> tuple[Array, None]:
        return super().exchanged_by_item(a, b, gold, swaps)[0], None


class Total(Mean):
    """The sum of what was drawn, so that values that mark one pair each give its count."""

    def resampler(self, gold: Array, counts: Array) -> Any:  # noqa: ARG002
        return lambda values: counts @ values


def counts(of: Joint, task: str) -> Array:
    """How often each pair of a task stands in each draw, int [draws, n]."""
    marks = {str(i): mark for i, mark in enumerate(np.eye(len(of.tasks[task].panel), dtype=np.float32))}
    return np.stack(list(of.bootstrap({task: marks})[task].values()), axis=1).astype(int)


def test_a_cluster_is_drawn_whole_in_every_task_that_has_it() -> None:
    one = panel("one", np.arange(6.0), cluster=[10, 11, 10, 12, 13, 14])
    two = panel("two", np.arange(4.0), cluster=[11, 20, 12, 10])
    of = joint(one, two, draws=300, statistic=Total())
    first, second = counts(of, "one"), counts(of, "two")
    for of_one, of_two in ((0, 3), (2, 3), (1, 0), (3, 2)):
        assert np.array_equal(first[:, of_one], second[:, of_two])
    assert len({tuple(column) for column in np.hstack([first, second]).T.tolist()}) == 6
    # A cluster is of its first pair's stratum: five of task one, and of task two the one that it has to itself.
    assert (first[:, [0, 1, 3, 4, 5]].sum(1) == 5).all()
    assert (second[:, 1] == 1).all()


def test_every_stratum_keeps_its_number_of_clusters() -> None:
    stratum = np.repeat([0, 1, 2], [2, 5, 13])
    drawn = counts(joint(panel("one", np.arange(20.0), stratum=stratum), draws=250, statistic=Total()), "one")
    for number in range(3):
        own = drawn[:, stratum == number]
        assert (own.sum(1) == own.shape[1]).all()
        # Multinomial: the mean count is 1, its variance 1 - 1/k.
        assert own.mean() == 1
        assert own.var() == pytest.approx(1 - 1 / own.shape[1], rel=0.15)


def test_draws_depend_on_the_seed_alone() -> None:
    gold, a, b = models(0, 60)
    of, again, other = joint(panel("t", gold)), joint(panel("t", gold)), joint(panel("t", gold), seed=1)
    both = {"t": {"a": a, "b": b}}
    np.testing.assert_array_equal(of.bootstrap(both)["t"]["a"], again.bootstrap({"t": {"a": a}})["t"]["a"])
    assert not np.array_equal(of.bootstrap(both)["t"]["a"], other.bootstrap(both)["t"]["a"])


def test_the_interval_is_scipys_to_monte_carlo_error() -> None:
    gold, a, b = models(1, 150, (0.5, 0.9))

    def difference(x: Array, y: Array, g: Array) -> float:
        return 100 * float(scipy.stats.spearmanr(x, g).statistic - scipy.stats.spearmanr(y, g).statistic)

    theirs = scipy.stats.bootstrap(
        (a, b, gold), difference, n_resamples=3000, paired=True, vectorized=False, method="percentile", rng=0
    )
    boots = joint(panel("t", gold), draws=3000).bootstrap({"t": {"a": a, "b": b}})["t"]
    ours = contrast(difference(a, b, gold), boots["a"] - boots["b"])
    # The Monte-Carlo standard error of a 2.5 % quantile of 3,000 normal draws is about 0.05 se; of their sd, 0.013 se.
    assert ours.se == pytest.approx(theirs.standard_error, rel=0.07)
    interval = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high), abs=0.3 * ours.se)


def test_copies_of_every_pair_do_not_narrow_the_interval() -> None:
    gold, a, b = models(3, 80)
    twice = np.tile(gold, 3)
    plain = joint(panel("t", gold), draws=1000)
    copied = joint(panel("t", twice, cluster=np.tile(np.arange(80), 3)), draws=1000)
    apart = joint(panel("t", twice), draws=1000)
    widths = {}
    for name, of, k in (("plain", plain, 1), ("copied", copied, 3), ("apart", apart, 3)):
        boots = of.bootstrap({"t": {"a": np.tile(a, k), "b": np.tile(b, k)}})["t"]
        widths[name] = contrast(0.0, boots["a"] - boots["b"]).se
    assert widths["copied"] == pytest.approx(widths["plain"], rel=1e-2)
    assert widths["apart"] < 0.7 * widths["plain"]
    swapped = {
        name: of.permute({"x": {"t": [(np.tile(a, k), np.tile(b, k))]}})["x"]["t"]
        for name, of, k in (("plain", plain, 1), ("copied", copied, 3), ("apart", apart, 3))
    }
    assert swapped["copied"].observed == pytest.approx(swapped["plain"].observed, rel=0.02)
    assert swapped["copied"].differences.std() == pytest.approx(swapped["plain"].differences.std(), rel=0.03)
    assert abs(swapped["apart"].observed) > 1.5 * abs(swapped["plain"].observed)


def test_tasks_that_share_their_pairs_are_no_more_than_one() -> None:
    """STS-B test pairs stand in STS12 to STS16: the mean over such tasks must not count them as fresh evidence."""
    gold, a, b = models(4, 80)
    shared = joint(panel("one", gold), panel("two", gold), draws=800)
    apart = joint(panel("one", gold), panel("two", gold, cluster=np.arange(80) + 1000), draws=800)
    se = {}
    for name, of in (("shared", shared), ("apart", apart)):
        boots = of.bootstrap({task: {"a": a, "b": b} for task in ("one", "two")})
        se[name] = np.mean([boots[task]["a"] - boots[task]["b"] for task in boots], axis=0).std()
    assert se["apart"] == pytest.approx(se["shared"] / np.sqrt(2), rel=0.1)


def test_several_seeds_are_averaged_over_the_same_swaps() -> None:
    gold, a, b = models(5, 40)
    of = joint(panel("t", gold), draws=50, statistic=Raw())
    both = of.permute({"x": {"t": [(a, b), (b, b)]}, "y": {"t": [(a, b)]}, "z": {"t": [(b, b)]}})
    differences = {name: found["t"].differences for name, found in both.items()}
    assert not both["x"]["t"].studentized
    np.testing.assert_allclose(differences["x"], (differences["y"] + differences["z"]) / 2)
    assert np.abs(differences["z"]).max() == 0
    # Halving a difference halves its error.
    whole = joint(panel("t", gold), draws=50).permute({"x": {"t": [(a, b), (b, b)]}, "y": {"t": [(a, b)]}})
    np.testing.assert_allclose(whole["x"]["t"].differences, whole["y"]["t"].differences)


def test_the_mean_over_tasks_has_the_error_of_its_clusters() -> None:
    gold, a, b = models(4, 80)
    both = {"one": [(a, b)], "two": [(a, b)]}
    shared = joint(panel("one", gold), panel("two", gold), draws=20).permute({"x": both})["x"]
    # The same pairs twice: no more evidence than once.
    np.testing.assert_allclose(shared[""].differences, shared["one"].differences)
    assert shared[""].observed == pytest.approx(shared["one"].observed)
    apart = joint(panel("one", gold), panel("two", gold, cluster=np.arange(80) + 1000), draws=20).permute({"x": both})
    assert apart["x"][""].observed == pytest.approx(np.sqrt(2) * shared[""].observed)
    # A statistic that does not say what its items add withholds it from the mean as well.
    tasks = {"one": Judged(panel("one", gold), SPEARMAN), "two": Judged(panel("two", gold), Raw())}
    mixed = Joint(tasks, 20, 0).permute({"x": both})["x"]
    assert [mixed[task].studentized for task in ("one", "two", "")] == [True, False, False]
