"""The statistics of prevalence against truth: known shares, integrals, a general optimizer, brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import LinearConstraint, minimize
from scipy.stats import false_discovery_control, norm, spearmanr

from ablate.statistics.compare import contrast
from ablate.statistics.discovery import confirmed, discoveries, p_better
from ablate.statistics.effect_prior import Noise, histogram, noise_of, unimodal
from ablate.statistics.halves import on_halves
from ablate.statistics.metric import SPEARMAN
from ablate.statistics.panel import Panel
from ablate.statistics.replication import Replication, replication
from ablate.statistics.resample import Joint, Judged
from ablate.statistics.sequence import largest_harmless
from ablate.statistics.share_above import Share, share_above
from ablate.statistics.true_discoveries import count_above

Floats = NDArray[np.float64]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def measured(units: int, mean: float, sd: float, error: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Measured gains, and the errors that they were measured with."""
    errors = error * random.uniform(0.7, 1.3, units)
    return random.normal(mean, sd, units) + errors * random.normal(size=units), errors


def drawn(gains: Floats, errors: Any, random: np.random.Generator, draws: int = 500) -> Floats:
    """Joint bootstrap draws with independent errors."""
    return np.asarray(gains + errors * random.normal(size=(draws, len(gains))), np.float64)


def estimated(gains: Floats, draws: Floats, size: float = 0.05) -> Share:
    return share_above(gains, draws, size, count_above(gains, draws, size))


def panel(task: str, gold: Any, clusters: Any = None) -> Panel:
    n = len(gold)
    numbers = np.arange(n) if clusters is None else clusters
    return Panel(task, np.asarray(gold, float), np.ones(n, bool), np.asarray(numbers, np.int64), np.zeros(n, np.int32))


def test_the_share_is_the_maximum_of_the_likelihood() -> None:
    """Against a general optimizer, for the best share and for a given one."""
    random = rng(1)
    gains, errors = measured(20, -0.1, 0.3, 0.1, random)
    mixture = unimodal(gains, Noise(np.zeros(20), errors), 0.05)
    density, above = mixture.density[len(mixture.density) // 2], mixture.above

    def cost(weights: Floats) -> float:
        return -float(np.log(density @ weights).sum())

    def slope(weights: Floats) -> Floats:
        return np.asarray(-(density / (density @ weights)[:, None]).sum(0), np.float64)

    def optimum(*more: LinearConstraint) -> float:
        whole = LinearConstraint(np.ones(len(above)), 1, 1)
        options: Any = {"jac": slope, "bounds": [(1e-12, 1)] * len(above), "constraints": [whole, *more]}
        found = minimize(cost, np.full(len(above), 1 / len(above)), **options, options={"maxiter": 1000})
        return -float(found.fun)

    best, share, near = mixture.best(2.0)
    assert best == pytest.approx(optimum(), abs=0.02)
    assert 0 < len(near.penalty) < len(mixture.penalty)
    for asked in (0.1, 0.3, 0.6):
        at = optimum(LinearConstraint(above, asked, asked))
        assert mixture.profile(np.array([asked]))[0] == pytest.approx(at, abs=0.02)
    assert mixture.profile(np.array([share]))[0] == pytest.approx(best, abs=0.02)


def test_a_uniform_component_is_the_integral_of_the_density_of_the_error() -> None:
    gains, noise = np.array([0.3, -0.2]), Noise(np.array([0.05, 0.1]), np.array([0.1, 0.2]))
    shaped, free = unimodal(gains, noise, 0.1), histogram(gains, noise, 0.1)
    z = np.sqrt(2 * shaped.penalty[0])
    assert shaped.penalty[0] == shaped.penalty[-1] > shaped.penalty[len(shaped.penalty) // 2] == 0
    parts = (len(shaped.above) - 1) // 2
    end = 0.1 / 4 * 2 ** ((parts - 1) / 2)
    start = end / np.sqrt(2)

    def mean_density(unit: int, low: float, high: float) -> float:
        at = gains[unit] - z * noise.common[unit]
        return float(quad(lambda effect: norm.pdf(at, effect, noise.own[unit]), low, high)[0] / (high - low))

    for unit in (0, 1):
        assert shaped.density[-1, unit, parts] == pytest.approx(mean_density(unit, 0, end))
        assert shaped.density[-1, unit, -1] == pytest.approx(mean_density(unit, -end, 0), abs=1e-9)
        assert free.density[-1, unit, parts] == pytest.approx(mean_density(unit, start, end))
        at = gains[unit] - z * noise.common[unit]
        assert shaped.density[-1, unit, 0] == pytest.approx(norm.pdf(at, 0, noise.own[unit]))
    assert shaped.above[parts] == pytest.approx(1 - 0.1 / end)
    assert free.above[parts] == (1.0 if start >= 0.1 else pytest.approx((end - 0.1) / (end - start)))


def test_the_noise_is_parted_into_a_common_and_an_independent_part() -> None:
    random = rng(2)
    common, own = random.uniform(0.05, 0.15, 72), random.uniform(0.1, 0.2, 72)
    draws = random.normal(size=(20_000, 1)) * common + random.normal(size=(20_000, 72)) * own
    noise = noise_of(draws)
    assert np.square(noise.common) + np.square(noise.own) == pytest.approx(draws.var(axis=0))
    assert np.abs(noise.common) == pytest.approx(common, rel=0.1)
    still = noise_of(np.concatenate([draws, np.zeros((20_000, 1))], axis=1))
    assert still.common[-1] == 0
    assert 0 < still.own[-1] <= 0.01 * still.own.max()


def test_a_share_far_from_the_noise_is_a_count() -> None:
    gains = np.concatenate([np.linspace(-2, -0.2, 40), np.linspace(0.2, 2, 20)])
    for draws in (drawn(gains, 0.01, rng()), np.tile(gains, (10, 1))):
        assert estimated(gains, draws) == Share(20 / 60, 20 / 60, 20 / 60, None)
    noise = Noise(np.zeros(60), np.full(60, 0.01))
    assert unimodal(gains, noise, 0.05).best(1.0)[1] == pytest.approx(1 / 3, abs=0.05)


def test_a_share_is_withheld_where_the_data_cannot_tell_it() -> None:
    random = rng(3)
    gains = random.normal(0, 1, 30)
    unsure = estimated(gains, drawn(gains, 1.0, random))
    assert unsure.value is None
    assert unsure.high - unsure.low > 0.5
    assert unsure.reason == "too few pairs for effects of this size"
    gains = 0.2 + random.normal(0, 0.1, 72)
    assert estimated(gains, drawn(gains, 0.1, random)).reason == (
        "the effects are not spread around 0 as the estimate assumes"
    )


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_the_unit_of_the_gains_does_not_matter(scale: float, seed: int) -> None:
    random = rng(seed)
    gains, errors = measured(20, -0.2, 0.5, 0.3, random)
    draws = drawn(gains, errors, random)
    one, other = (estimated(c * gains, c * draws, c * 0.05) for c in (1.0, scale))
    assert [other.low, other.high] == pytest.approx([one.low, one.high], abs=0.02)
    assert count_above(gains, draws, 0.05).above.ps == pytest.approx(
        count_above(scale * gains, scale * draws, scale * 0.05).above.ps
    )


def test_a_share_and_a_count_need_numbers() -> None:
    count = count_above(np.ones(2), np.ones((5, 2)), 0.05)
    for gains, draws in ((np.ones(2), np.ones((1, 2))), (np.array([1.0, np.nan]), np.ones((5, 2)))):
        with pytest.raises(ValueError, match="must be finite, of at least 2 draws"):
            count_above(gains, draws, 0.05)
        with pytest.raises(ValueError, match="must be finite, of at least 2 units"):
            share_above(gains, draws, 0.05, count)
    with pytest.raises(ValueError, match="at least 2 units"):
        share_above(np.ones(1), np.ones((5, 1)), 0.05, count)


def test_a_share_keeps_to_the_bounds_on_the_count() -> None:
    """Eight units that no draw brings near the size: a distribution could have some there, these units have not."""
    random = rng(8)
    gains = random.normal(size=8)
    assert estimated(gains, drawn(gains, 1.0, random), 100.0) == Share(0.0, 0.0, 0.0, None)
    gains = np.concatenate([np.full(6, 3.0), np.zeros(66)])
    draws = drawn(gains, 0.1, random)
    one, count = estimated(gains, draws), count_above(gains, draws, 0.05)
    assert one.value is not None
    assert count.at_least(np.ones(72, bool)) / 72 == 6 / 72 <= one.low <= one.value <= one.high


def test_the_count_is_bounded_as_by_the_definition() -> None:
    """Every k by brute force, for the units alone and for a part of them."""
    random = rng(4)
    gains, errors = measured(30, 0.0, 0.3, 0.1, random)
    bounds = count_above(gains, drawn(gains, errors, random), 0.05)
    everyone, part = np.ones(30, bool), np.arange(30) % 2 == 0
    for members in (everyone, part):
        for proof, count in (
            (bounds.above, bounds.at_least(members)),
            (bounds.below, int(members.sum()) - bounds.at_most(members)),
        ):
            shown = [int((proof.ps[members] < cut).sum()) - k for k, cut in enumerate(proof.cuts)]
            assert count == max(0, *shown)
    assert bounds.above.shown.sum() <= bounds.at_least(everyone) <= bounds.at_most(everyone)


def test_the_thresholds_are_those_of_bonferroni_and_simes_where_errors_are_independent() -> None:
    random = rng(5)
    gains = np.zeros(40)
    cuts = count_above(gains, drawn(gains, 1.0, random, 20_000), 10.0).above.cuts
    # With independent p-values, the chance that one of n is below λk/n for some k is λ (Simes 1986).
    assert cuts[0] * 40 == pytest.approx(0.025, rel=0.15)
    assert cuts == pytest.approx(cuts[0] * np.arange(1, 41))
    together = np.repeat(random.normal(size=(20_000, 1)), 40, axis=1)
    alike = count_above(gains, together, 10.0).above.cuts
    assert alike[-1] == pytest.approx(0.025, rel=0.15), "units that move as one need no correction"


def test_strong_units_leave_the_draws_that_judge_the_others() -> None:
    random = rng(6)
    gains = np.concatenate([np.full(30, 5.0), np.zeros(10)])
    proof = count_above(gains, drawn(gains, 1.0, random, 5000), 0.0).above
    assert len(proof.cuts) < 20
    assert proof.shown[:30].mean() > 0.9
    everything = count_above(gains + 20, drawn(gains + 20, 1.0, random), 0.0)
    assert everything.at_least(np.ones(40, bool)) == 40
    assert everything.at_least(np.arange(40) < 3) == 3


def test_units_that_never_move_are_known() -> None:
    gains = np.array([1.0, 0.05, 0.0, -1.0])
    bounds = count_above(gains, np.tile(gains, (10, 1)), 0.05)
    assert (bounds.at_least(np.ones(4, bool)), bounds.at_most(np.ones(4, bool))) == (1, 1)
    mixed = np.concatenate([gains, np.zeros(4)])
    draws = drawn(mixed, np.repeat([0.0, 1.0], 4), rng(7))
    bounds = count_above(mixed, draws, 0.05)
    assert (bounds.at_least(np.ones(8, bool)), bounds.at_most(np.ones(8, bool))) == (1, 5)


def test_replication_by_hand() -> None:
    """One split: of 2 that gain first, 1 gains second; of 3 that gain second, 1 gains first."""
    first, second = np.array([[1.0, 1.0, -1.0, -1.0]]), np.array([[1.0, -1.0, 1.0, 1.0]])
    gains = (first + second)[0] / 2
    found = replication(first, second, gains, drawn(gains, 1.0, rng()))
    assert found is not None
    assert found.replicated == pytest.approx(2 / 5)
    assert found.low < 2 / 5 < found.high
    assert found.p > 0.3
    nothing = -np.ones((3, 4))
    assert replication(nothing, nothing, nothing[0], drawn(nothing[0], 1.0, rng())) is None
    assert replication(first[:, :1], second[:, :1], gains[:1], drawn(gains[:1], 1.0, rng())) is None


def test_replication_tells_a_signal_from_none_at_any_base_rate() -> None:
    random = rng(5)
    apart = random.normal(0, 0.5, (50, 100))
    error = random.normal(0, 0.5, 100)

    def found(truth: Any) -> Replication:
        gains = truth + error
        one = replication(gains + apart, gains - apart, gains, drawn(gains, 0.5, random))
        assert one is not None
        return one

    real = found(random.normal(-0.1, 1.0, 100))
    assert real.low > 0.55
    assert real.p < 0.01
    for none in (found(0.0), found(-0.3), found(np.where(np.arange(100) < 80, 0.0, -5.0))):
        assert none.low < 0.5
        assert none.p > 0.05


def test_discoveries_are_benjamini_and_hochbergs() -> None:
    gains, errors = measured(200, 0.0, 0.3, 0.1, rng(2))
    ps = norm.sf(gains / errors)
    assert p_better(gains, errors) == pytest.approx(ps)
    assert (discoveries(gains, errors, 0.1) == (false_discovery_control(ps) <= 0.1)).all()
    assert p_better(np.array([0.0, 0.1, -0.1]), np.zeros(3)).tolist() == [1.0, 0.0, 1.0]


def test_false_discoveries_stay_below_the_rate_and_confirmation_passes_five_percent_of_nothing() -> None:
    random, rates, passed = rng(4), [], []
    for _ in range(300):
        truth = np.where(np.arange(100) < 20, 0.4, -0.02)
        errors = np.full(100, 0.1)
        found = discoveries(random.normal(truth, errors), errors)
        rates.append((truth[found] <= 0).mean() if found.any() else 0.0)
        passed.append(confirmed(random.normal(0, errors), errors).mean())
    assert np.mean(rates) <= 0.05
    assert np.mean(passed) == pytest.approx(0.05, abs=0.005)


def test_a_normal_p_from_the_bootstrap_is_right_for_spearman() -> None:
    """Two models of equal worth: one-sided tests at 5 and 20 % reject about as often."""
    random, ps = rng(6), []
    for seed in range(250):
        gold = random.normal(size=150)
        values = {name: (gold + random.normal(size=150)).astype(np.float32) for name in "ab"}
        boots = Joint({"t": Judged(panel("t", gold), SPEARMAN)}, 200, seed).bootstrap({"t": values})["t"]
        gain = SPEARMAN.value(values["a"], gold) - SPEARMAN.value(values["b"], gold)
        error = contrast(gain, boots["a"] - boots["b"]).se
        ps.append(p_better(np.array([gain]), np.array([error]))[0])
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(np.array(ps) <= 0.2) == pytest.approx(0.2, abs=0.06)


def test_halves_are_scored_as_brute_force_and_never_part_identical_pairs() -> None:
    random = rng(7)
    clusters = {"a": np.arange(20) % 15, "b": np.arange(12) + 5}
    golds = {task: random.normal(size=len(own)) for task, own in clusters.items()}
    values = {task: {"x": random.normal(size=len(own)).astype(np.float32)} for task, own in clusters.items()}
    tasks = {task: Judged(panel(task, golds[task], clusters[task]), SPEARMAN) for task in clusters}
    found = on_halves(tasks, values, ["x"], 8, rng(8))
    numbers = np.unique(np.concatenate(list(clusters.values())))
    halves = rng(8).random((8, len(numbers))).argsort(1) < len(numbers) // 2
    for split, half in enumerate(halves):
        for task, own in clusters.items():
            inside = half[np.searchsorted(numbers, own)]
            for side, members in enumerate((inside, ~inside)):
                expected = 100 * spearmanr(values[task]["x"][members], golds[task][members]).statistic
                assert found[task][side][split, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ps", "found"),
    [
        ([0.01, 0.05, 0.2, 0.01], 0.1),
        ([0.06, 0.001, 0.001, 0.001], None),
        ([0.01, 0.01, 0.01, 0.01], 0.3),
        ([0.01, None, 0.01, 0.01], 0.05),
    ],
)
def test_a_fixed_sequence_stops_at_the_first_failure(ps: list[float | None], found: float | None) -> None:
    assert largest_harmless([0.05, 0.1, 0.2, 0.3], ps) == found


def test_a_fixed_sequence_must_rise() -> None:
    with pytest.raises(ValueError, match="must increase"):
        largest_harmless([0.1, 0.1], [0.01, 0.01])
