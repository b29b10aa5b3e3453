"""Scorers compared as methods: by hand, against scipy, and against the worked example of Demšar (2006)."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare

from ablate.judge.methods import MethodComparison, Withheld, compare_methods, critical_difference, nemenyi, rank
from ablate.record import Row
from ablate.report.methods import methods_table
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


def confirmed(gains: dict[str, list[float]], model: str = "minilm", **given: object) -> list[Row]:
    """A screen with one cell of each scorer, and a confirmation with these Δ on the tasks."""
    rows = [row(model=model), *(row(model=model, stage="confirm", task=task) for task in SEVEN)]
    for scorer, deltas in gains.items():
        rows.append(cell("head", scorer, 0.1, model=model, chosen=True))
        for task, delta in zip(SEVEN, deltas, strict=False):
            made = {"task": task, "delta": delta, "stage": "confirm", "split": "test", "chosen": True}
            rows.append(cell("head", scorer, 0.1, model=model, **(made | given)))
    return rows


def only(rows: list[Row], **given: object) -> MethodComparison | Withheld:
    (found,) = compare_methods(Results(rows, about(**given)))
    return found


def withheld(rows: list[Row]) -> tuple[str, str]:
    found = only(rows)
    assert isinstance(found, Withheld)
    return found.granularity, found.reason


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
    measure = compare_methods(a_run())[0]
    assert isinstance(measure, MethodComparison)
    order = np.argsort(rank(PAPER.tolist()))
    gains = tuple(map(tuple, PAPER[:, order].tolist()))
    names = tuple("abcd")
    ranks = rank(gains)
    found = MethodComparison("head", measure.measure, names, (("m", "t"),) * 14, gains, ranks, 9.28, 0.02, 1.2536)
    p = np.array(nemenyi(found))
    assert np.allclose(p, p.T)
    assert np.allclose(np.diag(p), 1)
    for a, b in combinations(range(4), 2):
        assert (p[a, b] >= 0.05) == (abs(ranks[a] - ranks[b]) < critical_difference(4, 14))
    # "The difference between the best and worst performing algorithm is already smaller than that" (1.25).
    assert found.alike(0) == ("b", "c", "d")


def test_ranks_and_friedman_by_hand() -> None:
    gains = {"a": [3.0, 2, 5, 1, 4], "b": [2.0, 2, 1, 3, 3], "c": [1.0, 1, 2, 2, -1]}
    # Ranks: a 1, 1.5, 1, 3, 1; b 2, 1.5, 3, 1, 2; c 3, 3, 2, 2, 3.
    found = only([made for made in confirmed(gains) if made.task not in SEVEN[5:]])
    assert isinstance(found, MethodComparison)
    assert found.methods == ("a", "b", "c")
    assert found.mean_ranks == pytest.approx((7.5 / 5, 9.5 / 5, 13 / 5))
    assert found.blocks == tuple(("minilm", task) for task in SEVEN[:5])
    # χ² = [12 / (5·3·4) · Σ R² - 3·5·4] / (1 - Σ(t³ - t) / (n k (k² - 1))), one tie of two.
    chi_square = (12 / 60 * (7.5**2 + 9.5**2 + 13**2) - 60) / (1 - 6 / (5 * 3 * 8))
    assert found.chi_square == pytest.approx(chi_square)
    assert found.p == pytest.approx(math.exp(-chi_square / 2))


@given(
    st.lists(st.tuples(*[st.integers(-3, 3)] * 4), min_size=5, max_size=7).filter(
        lambda b: any(len({*x}) > 1 for x in b)
    )
)
@settings(max_examples=40, deadline=None)
def test_friedman_is_scipys_and_ranks_add_up(blocks: list[tuple[int, ...]]) -> None:
    columns = {name: [float(block[place]) for block in blocks] for place, name in enumerate("abcd")}
    rows = [made for made in confirmed(columns) if made.stage == "screen" or made.task in SEVEN[: len(blocks)]]
    found = only(rows)
    assert isinstance(found, MethodComparison)
    expected = friedmanchisquare(*columns.values())
    assert (found.chi_square, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert sum(found.mean_ranks) == pytest.approx(4 * 5 / 2)
    assert list(found.mean_ranks) == sorted(found.mean_ranks)


def test_where_lower_is_better_the_lowest_ranks_first() -> None:
    gains = {name: [shift + task / 100 for task in range(7)] for name, shift in (("a", 1.0), ("b", 0.0), ("c", -1.0))}
    assert getattr(only(confirmed(gains)), "methods", None) == ("a", "b", "c")
    losses = [replace(made, higher_is_better=False) for made in confirmed(gains)]
    assert getattr(only(losses), "methods", None) == ("c", "b", "a")


def test_models_are_blocks_too() -> None:
    gains = {name: [shift + task for task in range(3)] for name, shift in (("a", 0.3), ("b", 0.2), ("c", 0.1))}
    one, other = confirmed(gains), confirmed(gains, model="other")
    rows = [made for made in one + other if made.stage == "screen" or made.task in SEVEN[:3]]
    found = only(rows, models=["minilm", "other"])
    assert isinstance(found, MethodComparison)
    assert found.blocks == tuple((model, task) for model in ("minilm", "other") for task in SEVEN[:3])


def test_withheld_with_the_reason() -> None:
    many = {name: [0.1, 0.2, 0.3, 0.1, 0.2, 0.1, 0.4] for name in "abc"}
    assert withheld(confirmed(many)) == ("head", "all scorers gain the same in every block")
    two = {name: many[name] for name in "ab"}
    assert withheld(confirmed(two)) == ("head", "fewer than 3 scorers confirmed (2)")
    few = [made for made in confirmed(many) if made.stage == "screen" or made.task in SEVEN[:4]]
    assert withheld(few) == ("head", "fewer than 5 tasks (× models) confirmed (4)")
    lacking = confirmed(many | {"c": [0.5] * 6})
    assert withheld(lacking) == ("head", "c has no Δ on sickr of minilm")
    reasons = {one.reason for one in compare_methods(a_comparison()) if isinstance(one, Withheld)}
    assert reasons == {"no cell was confirmed on tasks that had no part in its choice"}


def test_of_several_confirmed_cells_the_screen_chooses() -> None:
    """The cell that the confirm tasks like best must not stand for its scorer because they like it."""
    gains = {name: [shift + task for task in range(7)] for name, shift in (("a", 0.0), ("b", 0.1), ("c", 0.2))}
    rows = confirmed(gains)
    assert getattr(only(rows), "methods", None) == ("c", "b", "a")
    better = [cell("head", "a", 0.3, task=task, delta=50.0, stage="confirm", split="test") for task in SEVEN]
    for screened, methods in ((-1.0, ("c", "b", "a")), (1.0, ("a", "c", "b"))):
        found = only([*rows, cell("head", "a", 0.3, delta=screened), *better])
        assert getattr(found, "methods", None) == methods
    unscreened = withheld([made for made in [*rows, *better] if made.stage == "confirm"])
    assert unscreened == ("head", "no screen task has chosen one of the cells of a on minilm")


def test_the_table_and_what_it_says_of_what_was_withheld() -> None:
    compared = compare_methods(a_run())
    table = methods_table([*compared, Withheld("layer", None, "too few")])
    assert table is not None
    heads = [line for line in table.lines if line.cells[0].text == "head"]
    assert [line.cells[1].text for line in heads] == list(next(c for c in compared if c.granularity == "head").methods)  # type: ignore[union-attr]
    assert [line.cells[2].best for line in heads] == [True, False, False, False, False]
    assert [place for place, line in enumerate(table.lines) if line.new] == [5, 10]
    assert "layer: withheld, too few." in table.notes
    assert any(note.startswith("head: Friedman χ² 17.49, p 0.002, 7 blocks") for note in table.notes)
    assert methods_table([]) is None
