"""Scorers compared as methods: by hand, against scipy, and against the worked example of Demšar (2006)."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import scikit_posthocs
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, friedmanchisquare

from ablate.judge.blocks import Stratum, Withheld
from ablate.judge.methods import (
    MethodComparison,
    compare_methods,
    critical_difference,
    fewest_blocks,
    friedman,
    rank,
)
from ablate.record import Row
from ablate.report.layout import build
from ablate.report.methods import MORE_BLOCKS, methods_table
from ablate.report.results import Results
from tests.report_rows import SEVEN, a_comparison, a_run, about, cell, row

# Table 6 of Demšar (2006): AUC of C4.5 and its variants (with m, with cf, with both) on 14 data sets. Voting's last two
# print alike there and rank 2 and 3.
DEMSAR = """
    .763 .768 .771 .798   .599 .591 .590 .569   .954 .971 .968 .967   .628 .661 .654 .657
    .882 .888 .886 .898   .936 .931 .916 .931   .661 .668 .609 .685   .583 .583 .563 .625
    .775 .838 .866 .875   1.00 1.00 1.00 1.00   .940 .962 .965 .962   .619 .666 .614 .669
    .972 .981 .975 .9749  .957 .978 .946 .970
"""
PAPER = np.array(DEMSAR.split(), float).reshape(14, 4)


def confirmed(
    gains: dict[str, float], model: str = "minilm", seed: int = 0, sparsity: float = 0.1, **given: object
) -> list[Row]:
    """A screen with one cell of each scorer, and a confirmation with these mean Δ over the tasks."""
    rows = [row(model=model), *(row(model=model, stage="confirm", task=task) for task in SEVEN)]
    for scorer, delta in gains.items():
        rows.append(cell("head", scorer, sparsity, model=model, chosen=True))
        for task in SEVEN:
            # A mask of its own for each calibration seed.
            result = f"{scorer} {model} {seed} {sparsity} {task}"
            made = {"task": task, "delta": delta, "stage": "confirm", "split": "test", "result": result}
            rows.append(cell("head", scorer, sparsity, model=model, chosen=True, **(made | given)))
    return rows


def a_seed(rows: list[Row], seed: int = 0, **given: object) -> Results:
    return Results(rows, about(recipe={"calibration": {"calibration_seed": seed}}, **given))


def seeds(gains: dict[str, list[float]], **given: object) -> list[Results]:
    """A run for each calibration seed."""
    blocks = [dict(zip(gains, values, strict=True)) for values in zip(*gains.values(), strict=True)]
    return [a_seed(confirmed(block, seed=seed, **given), seed) for seed, block in enumerate(blocks)]  # type: ignore[arg-type]


def only(*runs: Results) -> MethodComparison | Withheld:
    (found,) = compare_methods(*runs)
    return found


def told(*runs: Results) -> MethodComparison:
    found = only(*runs)
    assert isinstance(found, MethodComparison)
    return found


def reason(*runs: Results) -> str:
    found = only(*runs)
    assert isinstance(found, Withheld)
    assert found.stratum.granularity == "head"
    return found.reason


def test_the_worked_example_of_demsar() -> None:
    ranks = rank(PAPER.tolist())
    assert [round(value, 3) for value in ranks] == [3.143, 2.0, 2.893, 1.964]
    k, n = 4, 14
    # The paper's equation, from its own mean ranks.
    assert 12 * n / (k * (k + 1)) * (sum(r * r for r in ranks) - k * (k + 1) ** 2 / 4) == pytest.approx(9.28, abs=0.01)
    # Section 3.2.2: q = 2.569, CD = 1.25; table 5: q for 2 to 10 methods at 5 %.
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    table = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
    for methods, q in table.items():
        found = critical_difference(methods, 10) / math.sqrt(methods * (methods + 1) / 60)
        assert found == pytest.approx(q, abs=0.0011)


def test_nemenyi_agrees_with_the_critical_difference_and_the_example() -> None:
    order = np.argsort(rank(PAPER.tolist()))
    columns = dict(zip("abcd", PAPER[:, order].T.tolist(), strict=True))
    found = told(*seeds(columns))
    p = scikit_posthocs.posthoc_nemenyi_friedman(np.array(found.gains)).to_numpy()
    for a, b in combinations(range(4), 2):
        assert (p[a, b] >= 0.05) == (abs(found.mean_ranks[a] - found.mean_ranks[b]) < critical_difference(4, 14))
    # "The difference between the best and worst performing algorithm is already smaller than that" (1.25).
    assert found.alike(0) == ("b", "c", "d")


def test_methods_are_told_apart_only_where_friedman_finds_a_difference() -> None:
    found = replace(told(*seeds({"a": [3.0] * 9, "b": [2.0] * 9, "c": [1.0] * 9})), p=0.06)
    assert found.alike(0) == ("b", "c")
    assert replace(found, p=0.05).alike(0) == ("b",)


def test_ranks_and_friedman_by_hand() -> None:
    gains = {"a": [3.0, 2, 5, 1, 4], "b": [2.0, 2, 1, 3, 3], "c": [1.0, 1, 2, 2, -1]}
    # Ranks: a 1, 1.5, 1, 3, 1; b 2, 1.5, 3, 1, 2; c 3, 3, 2, 2, 3.
    found = told(*seeds(gains))
    assert found.methods == ("a", "b", "c")
    assert found.mean_ranks == pytest.approx((7.5 / 5, 9.5 / 5, 13 / 5))
    assert found.blocks == tuple(("minilm", seed) for seed in range(5))
    assert found.tasks == SEVEN
    assert found.stratum[:2] == ("head", 0.1)
    # χ² = [12 / (5·3·4) · Σ R² - 3·5·4] / (1 - Σ(t³ - t) / (n k (k² - 1))), one tie of two.
    chi_square = (12 / 60 * (7.5**2 + 9.5**2 + 13**2) - 60) / (1 - 6 / (5 * 3 * 8))
    assert found.chi_square == pytest.approx(chi_square)
    assert found.p == pytest.approx(math.exp(-chi_square / 2))


@given(
    st.lists(st.tuples(*[st.integers(-3, 3)] * 4), min_size=5, max_size=7).filter(
        lambda b: any(len({*x}) > 1 for x in b)
    )
)
@settings(max_examples=20, deadline=None)
def test_friedman_is_scipys_and_ranks_add_up(blocks: list[tuple[int, ...]]) -> None:
    columns = {name: [float(block[place]) for block in blocks] for place, name in enumerate("abcd")}
    found = told(*seeds(columns))
    expected = friedmanchisquare(*columns.values())
    assert (found.chi_square, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert sum(found.mean_ranks) == pytest.approx(4 * 5 / 2)
    assert list(found.mean_ranks) == sorted(found.mean_ranks)


def test_where_lower_is_better_the_lowest_ranks_first() -> None:
    gains = {name: [shift + block / 100 for block in range(6)] for name, shift in (("a", 1.0), ("b", 0.0), ("c", -1.0))}
    assert told(*seeds(gains)).methods == ("a", "b", "c")
    losses = [Results([replace(made, higher_is_better=False) for made in run.rows], run.about) for run in seeds(gains)]
    assert told(*losses).methods == ("c", "b", "a")


def test_models_are_blocks_too() -> None:
    gains = {"a": 0.3, "b": 0.2, "c": 0.1}
    models = [f"model-{number}" for number in range(3)]
    runs = [
        a_seed([made for model in models for made in confirmed(gains, model, seed)], seed, models=models)
        for seed in range(2)
    ]
    assert told(*runs).blocks == tuple((model, seed) for seed in range(2) for model in models)


def test_a_comparison_at_each_sparsity_is_corrected_over_all() -> None:
    gains = {"a": [0.3] * 5, "b": [0.2] * 5, "c": [0.1] * 4 + [0.4]}
    runs = [
        Results(one.rows + [made for made in other.rows if made.cell != "dense"], one.about)
        for one, other in zip(seeds(gains), seeds(gains | {"c": [0.1] * 5}, sparsity=0.3), strict=True)
    ]
    found = [one for one in compare_methods(*runs) if isinstance(one, MethodComparison)]
    assert [one.stratum.sparsity for one in found] == [0.1, 0.3]
    ps = [friedmanchisquare(*zip(*one.gains, strict=True)).pvalue for one in found]
    assert [one.p for one in found] == pytest.approx([ps[0], 2 * ps[1]])


def test_the_tasks_of_one_model_are_not_blocks() -> None:
    why = reason(a_seed(confirmed({"a": 0.3, "b": 0.2, "c": 0.1})))
    assert why.startswith(
        "1 block stands behind each scorer, and a test takes 5; a block is a model with a calibration"
    )


def test_how_many_blocks_a_test_takes() -> None:
    # All three agree on the order of three: χ² = 6, p = exp(-3).
    assert friedman({"a": [3, 3, 3], "b": [2, 2, 2], "c": [1, 1, 1]}) == pytest.approx((6, math.exp(-3)))
    assert [fewest_blocks(3, comparisons) for comparisons in (1, 7, 8, 50)] == [5, 5, 6, 7]
    # Of k methods that all blocks rank alike, χ² = N (k - 1).
    for methods, comparisons in ((3, 8), (3, 50), (5, 1000)):
        needed = fewest_blocks(methods, comparisons)
        assert comparisons * chi2.sf(needed * (methods - 1), methods - 1) <= 0.05
        assert needed == 5 or comparisons * chi2.sf((needed - 1) * (methods - 1), methods - 1) > 0.05


def test_a_scorer_whose_mask_is_the_same_in_several_blocks_is_left_out() -> None:
    gains = {"a": [0.3] * 5, "b": [0.2] * 5, "c": [0.1] * 5, "magnitude": [0.5] * 5}

    def same(made: Row) -> Row:
        return replace(made, result=f"magnitude {made.task}") if made.scorer == "magnitude" else made

    runs = [Results([same(made) for made in run.rows], run.about) for run in seeds(gains)]
    found = told(*runs)
    assert (found.methods, found.repeated) == (("a", "b", "c"), ("magnitude",))
    table = methods_table([found])
    assert table is not None
    assert "left out, the same mask in several blocks: magnitude" in " ".join(table.notes)
    without = [Results([made for made in run.rows if made.scorer != "c"], run.about) for run in runs]
    assert reason(*without).startswith(
        "fewer than 3 scorers have masks of their own in each block (magnitude: the same"
    )


def test_withheld_with_the_reason() -> None:
    many = {name: [0.1, 0.2, 0.3, 0.1, 0.2] for name in "abc"}
    assert reason(*seeds(many)) == "all scorers gain the same in every block"
    too_few = "fewer than 3 scorers were confirmed at the same sparsity (confirm.cells: all)"
    assert reason(*seeds({name: many[name] for name in "ab"})) == "2 scorers, and a comparison takes 3"
    apart = [
        Results([replace(made, sparsity=0.2) if made.scorer == "c" else made for made in run.rows], run.about)
        for run in seeds(many)
    ]
    assert reason(*apart) == too_few
    lacking = seeds(many)
    lacking[0] = Results(
        [made for made in lacking[0].rows if (made.scorer, made.task) != ("c", "stsb")], lacking[0].about
    )
    assert reason(*lacking) == "c has no Δ on all tasks of minilm"
    reasons = {one.reason for one in compare_methods(a_comparison()) if isinstance(one, Withheld)}
    assert reasons == {"no cell was confirmed on tasks that had no part in its choice"}


def test_the_table_and_what_it_says_of_what_was_withheld() -> None:
    runs = [
        Results(run.rows, replace(run.about, recipe={"calibration": {"calibration_seed": n}}))
        for n, run in enumerate(a_run(seed=n) for n in range(5))
    ]
    compared = compare_methods(*runs)
    table = methods_table([*compared, Withheld(Stratum("layer"), None, "too few")])
    assert table is not None
    heads = [line for line in table.lines if line.cells[0].text == "head"]
    found = next(c for c in compared if c.stratum.granularity == "head")
    assert isinstance(found, MethodComparison)
    assert [line.cells[2].text for line in heads] == list(found.methods)
    assert [line.cells[1].text for line in heads] == ["10 %"] * 5
    assert heads[0].cells[3].best
    assert [place for place, line in enumerate(table.lines) if line.new] == [5, 10]
    assert "layer: withheld, too few." in table.notes
    assert any(note.startswith(f"head 10 %: Friedman χ² {found.chi_square:.2f}, p ") for note in table.notes)
    assert (
        "Blocks: 5 calibration seeds of minilm: the ranks speak for other calibration sets of this model, not for"
        in (" ".join(table.notes))
    )
    assert methods_table([]) is None


def test_a_run_alone_says_what_a_comparison_takes() -> None:
    (why,) = [line for line in build(a_run()).foot if "1 block stands" in line]
    said = "This run judges single cells. It does not test which scorer is best in general: 1 block stands behind each "
    assert why.startswith(said)
    assert why.endswith(MORE_BLOCKS)
    assert not [line for line in build(a_comparison()).foot if "in general" in line]
