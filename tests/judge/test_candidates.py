"""Which cells can be chosen, and what each is shown to be at least."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ablate.errors import AblateError
from ablate.judge.candidates import candidates
from ablate.judge.of_model import of_model
from ablate.record import Row
from ablate.report.results import Results
from ablate.statistics.simultaneous import lower_bound
from tests.report_rows import SEVEN, a_run, about, cell, judged, row

RUN = judged(a_run())


def test_each_confirmed_cell_has_a_bound_for_all_together() -> None:
    found = candidates(RUN)
    assert found.bounds == len(found.found) == 13  # twelve of the grid and one of two steps
    assert not any("random" in one.name for one in found.found)
    items = {
        item.cell: item for item in RUN.evidence if (item.stage, item.task, item.against) == ("confirm", None, "dense")
    }
    for one in found.found:
        item = items[one.name]
        assert (one.task, one.gain, one.low, one.high) == (None, item.delta, item.low, item.high)
        assert one.at_least == pytest.approx(lower_bound(item.delta, item.se, item.level, 13))


def test_of_several_tasks_the_lowest_bound_decides() -> None:
    found = candidates(RUN, ["stsb", "sickr"])
    assert found.bounds == 26
    items = {
        (item.cell, item.task): item for item in RUN.evidence if (item.stage, item.against) == ("confirm", "dense")
    }
    for one in found.found:
        assert one.gain == min(items[one.name, task].delta for task in ("stsb", "sickr"))


def test_where_lower_is_better_a_gain_is_a_fall() -> None:
    rows = [row(task="uniform-test", stage="confirm", metric="uniform loss", unit="loss", higher_is_better=False)]
    rows.append(replace(cell("head", "align", 0.1, stage="confirm"), **_fields(rows[0]), delta_clean=-0.3))
    (one,) = candidates(judged(Results(rows, about()))).found
    assert (one.gain, one.low, one.high) == pytest.approx((0.3, 0.3 - 0.49, 0.3 + 0.49))
    assert one.at_least < 0.3


def _fields(dense: Row) -> dict[str, Any]:
    return {name: getattr(dense, name) for name in ("task", "metric", "unit", "higher_is_better")}


def test_a_cell_of_several_seeds_has_no_interval_of_its_own() -> None:
    rows = [row(task="stsb", stage="confirm")]
    for seed in (0, 1):
        rows.append(cell("head", "align", 0.2, task="stsb", stage="confirm", way="prune-then-train", train_seed=seed))
    rows.append(cell("head", "align", 0.1, task="stsb", stage="confirm"))
    found = candidates(judged(Results(rows, about())))
    assert [one.name for one in found.found] == ["head × align 10 %"]
    assert found.without == {"head × align 20 %, prune-then-train": "its interval is of the mean over 2 seeds"}


def test_a_cell_without_an_interval_is_named_with_the_reason() -> None:
    rows = [row(task="stsb", stage="confirm"), cell("head", "align", 0.1, task="stsb", stage="confirm")]
    rows.append(cell("head", "align", 0.2, task="stsb", stage="confirm", status="failed", reason="out of memory"))
    assert candidates(judged(Results(rows, about()))).without == {"head × align 20 %": "out of memory"}
    with pytest.raises(
        AblateError, match="no confirmed cell with an interval .*'head × align 10 %': it has no interval"
    ):
        candidates(Results(rows, about()))


def test_what_was_not_confirmed_cannot_be_chosen() -> None:
    screened = Results([one for one in RUN.rows if one.stage == "screen"], RUN.about)
    with pytest.raises(AblateError, match="has confirmed no cell, .* optimistic; add `confirm` to the recipe"):
        candidates(screened)


def test_tasks_are_those_that_were_confirmed() -> None:
    with pytest.raises(AblateError, match="has confirmed nothing on 'stsb-dev'; did you mean 'stsb'"):
        candidates(RUN, ["stsb-dev"])
    assert candidates(RUN, SEVEN[:1]).tasks == SEVEN[:1]


def test_one_of_several_models_has_to_be_named() -> None:
    two = judged(a_run(models=["first", "second"]))
    with pytest.raises(AblateError, match="has 2 models: give model one of first, second"):
        candidates(two)
    assert candidates(of_model(two, "second")).stage.model == "second"
