"""What plug-ins raise costs the cells and tasks that need it, and no others."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from typer.testing import CliRunner

from ablate.cli import app
from ablate.data.items import ItemSet, Source
from ablate.data.senteval import SentEval
from ablate.errors import AblateError, PluginError, RecipeError, Undefined
from ablate.models.encode import encode
from ablate.models.losses import ALIGN, Loss
from ablate.plan.make_plan import make_plan
from ablate.plugins import Entry, registry
from ablate.recipe.recipe import load_recipe
from ablate.report.tables import render
from ablate.scorers.base import Scorer, View
from ablate.scorers.statistics import GradientContribution
from ablate.statistics.arrays import Floats, Values
from ablate.statistics.metric import SPEARMAN, Spearman, Statistic
from ablate.tasks.sts import STS_TASKS
from tests.bench import Bench, make_bench, of, one, pairs, write_set

Sts = next(task for task in STS_TASKS if task.name == "stsb-dev")


def broken_loss(*_: Tensor) -> Tensor:
    raise ValueError("two\nlines")


class NoNeurons(Scorer):
    name: ClassVar[str] = "no-neurons"
    help: ClassVar[str] = "raises for neurons"

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (GradientContribution(ALIGN),)

    def score(self, view: View) -> Tensor:
        if view.granularity.name == "neuron":
            raise RuntimeError("no neurons,\n please")
        return view.gradients[GradientContribution(ALIGN)]


class NaN(Scorer):
    name: ClassVar[str] = "nan"
    help: ClassVar[str] = "gives no finite contribution"

    def score(self, view: View) -> Tensor:
        return torch.full((len(view.layers),), torch.nan)


class OtherLoss(Scorer):
    name: ClassVar[str] = "other-loss"
    help: ClassVar[str] = "asks for the gradient of a loss that raises"

    def statistics(self) -> tuple[GradientContribution, ...]:
        return (GradientContribution(Loss("other", "pairs", broken_loss)),)

    def score(self, view: View) -> Tensor:
        return view.gradients[self.statistics()[0]]


class Rare(Spearman):
    """Raises on draws alone."""

    def resampler(self, gold: Floats, counts: Floats) -> Callable[[Values], Floats]:  # noqa: ARG002
        def fails(_: Values) -> Floats:
            raise ZeroDivisionError("on a draw")

        return fails


class Broken(Sts):  # type: ignore[misc, valid-type]
    name: ClassVar[str] = "broken"
    help: ClassVar[str] = "raises for masked models, or gives something odd"
    how: ClassVar[str] = "raises"

    def load(self, source: Source) -> ItemSet:
        if self.how == "unread":
            raise KeyError("no file")
        return source.load("stsb-dev")

    def measure(self, data: ItemSet, embeddings: Tensor) -> NDArray[np.float32]:
        values = np.asarray(super().measure(data, embeddings), np.float32)
        match self.how:
            case "raises":
                raise KeyError("gone")
            case "too few":
                return values[:5]
            case "not finite":
                return values * np.float32("nan")
            case "a tensor":
                return torch.from_numpy(values)  # type: ignore[return-value]
            case "float64":
                return values.astype(np.float64)
        return values

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
        match self.how:
            case "undefined":
                raise Undefined("no reason")
            case "nan":
                return float("nan")
            case "clean is nan" if not kept.all():
                return float("nan")
            case "clean raises" if not kept.all():
                raise KeyError("gone")
        return SPEARMAN.value(values[kept], data.gold[kept])

    def statistic(self) -> Statistic:
        if self.how == "no statistic":
            raise KeyError("gone")
        return Rare() if self.how == "a draw raises" else SPEARMAN


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    entries = [Entry("scorer", scorer, "stranger 1.0") for scorer in (NoNeurons, NaN, OtherLoss)]
    entries.append(Entry("task", Broken, "stranger 1.0"))
    monkeypatch.setattr(registry(), "entries", [*registry().entries, *entries])
    return make_bench(tmp_path, monkeypatch)


def test_a_scorer_that_raises_costs_its_own_cells_alone(bench: Bench) -> None:
    given: dict[str, Any] = {
        "scorers": ["no-neurons", "nan", "align", "magnitude"],
        "granularities": ["head", "neuron"],
        "sparsities": [0.25, 0.5],
        "confirm": ["stsb"],
        "controls": {"matched": 1},
    }
    results = bench.run(**given)
    failed = of(results, status="failed")
    assert {(row.scorer, row.granularity) for row in failed} == {
        ("no-neurons", "neuron"),
        ("nan", "head"),
        ("nan", "neuron"),
    }
    assert {row.reason for row in failed} == {
        "RuntimeError: no neurons, please (plug-in stranger 1.0)",
        "scorer 'nan' gave 8 head contributions that are not finite (plug-in stranger 1.0)",
        "scorer 'nan' gave 128 neuron contributions that are not finite (plug-in stranger 1.0)",
    }
    for row in failed:
        assert row.score is row.delta is row.score_clean is row.params_removed is row.seconds is None
        assert (row.dense, row.n) == (one(results, cell="dense", stage="screen").score, 30)
    assert results.about.failed == len(failed) == 6
    assert results.failed == failed
    assert {row.status for row in of(results, scorer="align") + of(results, scorer="magnitude")} == {"ok"}
    confirmed = {(row.scorer, row.granularity) for row in of(results, stage="confirm", control=None)}
    assert confirmed == {
        (None, None),
        ("no-neurons", "head"),
        *((scorer, kind) for scorer in ("align", "magnitude") for kind in ("head", "neuron")),
    }
    said = {event.text.split(":")[0] for event in bench.events if event.text.startswith("nothing to confirm")}
    assert said == {f"nothing to confirm of {cell}" for cell in ("neuron no-neurons", "head nan", "neuron nan")}
    page = io.StringIO()
    render(results, Console(file=page, width=80))
    assert "no neurons" in page.getvalue()
    # The scorers that keep to the contract share the pass with the one that does not.
    assert bench.passes == ["pass: gradient of align"]


def test_what_failed_is_tried_again_and_the_rest_is_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {"scorers": ["no-neurons", "magnitude"], "granularities": ["head", "neuron"]}
    bench.run(**given)
    bench.clear()
    monkeypatch.setattr(NoNeurons, "score", lambda self, view: view.gradients[self.statistics()[0]])
    results = bench.run(**given)
    assert (results.about.failed, results.about.computed, results.about.cached) == (0, 1, 4)
    assert bench.encodes == 1


def test_controls_of_a_failed_cell_fail_with_it(bench: Bench) -> None:
    confirm = {"tasks": ["stsb"], "cells": "all"}
    results = bench.run(scorers=["nan", "magnitude"], confirm=confirm, controls={"matched": 2, "flipped": True})
    failed = of(results, stage="confirm", status="failed")
    assert [row.control for row in failed] == [None, "matched", "matched", "flipped"]
    assert {row.scorer for row in failed} == {"nan"}


@pytest.mark.parametrize("scorer", ["no-neurons", "nan", "other-loss"])
def test_fail_fast_raises_what_the_scorer_raised(bench: Bench, scorer: str) -> None:
    with pytest.raises(Exception, match=r"no neurons|not finite|two\nlines"):
        bench.run(scorers=["magnitude", scorer], granularities=["neuron"], keep_going=False)


def test_a_loss_that_raises_costs_the_scorers_that_ask_for_it_alone(bench: Bench) -> None:
    results = bench.run(scorers=["other-loss", "align", "uniform"])
    assert {row.scorer: row.status for row in results.rows} == {
        None: "ok",
        "other-loss": "failed",
        "align": "ok",
        "uniform": "ok",
    }
    assert one(results, scorer="other-loss").reason == "ValueError: two lines (plug-in stranger 1.0)"


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("raises", "failed", "KeyError: 'gone' (plug-in stranger 1.0)"),
        ("too few", "failed", "task 'broken' gave [5] values for 30 items (plug-in stranger 1.0)"),
        ("not finite", "undefined", "the model's embeddings are not finite"),
        ("undefined", "undefined", "no reason"),
        (
            "nan",
            "failed",
            "ValueError: nan is not a score: an undefined score is status 'undefined' with a reason (plug-in stranger 1.0)",
        ),
        (
            "a tensor",
            "failed",
            "task 'broken' gave a Tensor of torch.float32, not an array of float32 (plug-in stranger 1.0)",
        ),
        (
            "float64",
            "failed",
            "task 'broken' gave a ndarray of float64, not an array of float32 (plug-in stranger 1.0)",
        ),
    ],
)
def test_a_task_that_raises_costs_its_own_rows_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str, status: str, reason: str
) -> None:
    monkeypatch.setattr(Broken, "how", how)
    results = bench.run(screen=["broken", "stsb-dev"])
    for row in of(results, task="broken"):
        assert (row.status, row.reason, row.score, row.dense) == (status, reason, None, None)
    for row in of(results, task="stsb-dev"):
        assert (row.status, row.reason) == ("ok", None)
    assert results.about.failed == (2 if status == "failed" else 0)
    if status == "failed":
        with pytest.raises(Exception, match="gone|gave|is not a score"):
            bench.run(screen=["broken", "stsb-dev"], keep_going=False)


def test_a_clean_score_that_is_not_finite_is_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "how", "clean is nan")
    results = bench.run(scorers=["align"], screen=["broken"], calibration=_with_overlap(bench))
    for row in results.rows:
        assert (row.status, row.score_clean) == ("ok", None)
        assert row.reason == "without overlapping pairs: the task's score is nan"


def _with_overlap(bench: Bench) -> dict[str, int]:
    """Lets calibration see some pairs of the dev set; what to give for that."""
    dev = _content(bench)
    write_set(bench.data, "stsb-train", [*dev[:10], *((a, b, 5.0) for a, b, _ in dev[10:14])])
    return {"pairs": 4, "sentences": 6, "batch_size": 2}


def test_a_task_that_raises_on_the_clean_pairs_costs_its_own_rows_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "how", "clean raises")
    given: dict[str, Any] = {"scorers": ["align"], "screen": ["broken", "stsb-dev"]}
    given["calibration"] = _with_overlap(bench)
    results = bench.run(**given)
    for row in of(results, task="broken"):
        assert (row.status, row.score, row.score_clean) == ("failed", None, None)
        assert row.reason == "without overlapping pairs: KeyError: 'gone' (plug-in stranger 1.0)"
    assert {row.status for row in of(results, task="stsb-dev")} == {"ok"}
    assert {item.task for item in results.evidence} == {"stsb-dev"}
    assert results.about.failed == 2
    with pytest.raises(KeyError, match="gone"):
        bench.run(**given, keep_going=False)


def test_a_task_that_cannot_be_read_costs_its_own_rows_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "how", "unread")
    given: dict[str, Any] = {"screen": ["stsb-dev", "broken"], "confirm": {"tasks": ["broken", "stsb"], "cells": "all"}}
    results = bench.run(**given)
    for row in of(results, task="broken"):
        assert (row.status, row.score, row.n, row.n_clean) == ("failed", None, None, None)
        assert row.reason == "task 'broken' cannot read its items: KeyError: 'no file' (plug-in stranger 1.0)"
    assert len(of(results, task="broken")) == 2 + 5
    assert {row.status for task in ("stsb", "stsb-dev") for row in of(results, task=task)} == {"ok"}
    assert {item.task for item in results.evidence} == {"stsb", "stsb-dev"}
    page = io.StringIO()
    render(results, Console(file=page, width=80))
    assert "cannot read its items" in " ".join(page.getvalue().split())
    with pytest.raises(PluginError, match="'broken' cannot read its items"):
        bench.run(**given, keep_going=False)


@pytest.mark.parametrize(
    ("how", "told"), [("no statistic", "KeyError: 'gone'"), ("a draw raises", "ZeroDivisionError: on a draw")]
)
def test_a_statistic_that_raises_costs_its_tasks_evidence_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str, told: str
) -> None:
    monkeypatch.setattr(Broken, "how", how)
    results = bench.run(screen=["broken", "stsb-dev"])
    assert {row.status for row in results.rows} == {"ok"}
    assert list(results.about.withheld) == [f"broken (screen): its statistic fails: {told} (plug-in stranger 1.0)"]
    assert {item.task for item in results.evidence} == {"stsb-dev"}


@pytest.mark.parametrize("declares", ["statistics", "signed", "calibrates", "tasks"])
def test_a_scorer_that_fails_to_say_what_it_needs_is_refused_with_its_place(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, declares: str
) -> None:
    def raises(_: Scorer) -> Any:
        raise ValueError("not\nsaid")

    monkeypatch.setattr(NoNeurons, declares, raises if declares in ("statistics", "tasks") else property(raises))
    recipe = bench.root / "recipe.yaml"
    recipe.write_text("model: minilm\nscorers:\n  - no-neurons\ngranularities: [head]\nsparsities: [0.1]\n")
    told = "3:5: scorer 'no-neurons' fails to say what it needs: ValueError: not said (plug-in stranger 1.0)"
    with pytest.raises(RecipeError, match=re.escape(told)):
        make_plan(*load_recipe(recipe), registry())


def test_a_scorer_that_asks_for_no_statistic_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NoNeurons, "statistics", lambda _: ({"gradient": "align"},))
    with pytest.raises(RecipeError, match=r"no-neurons.*not a statistic.*\(plug-in stranger 1\.0\)"):
        bench.run(scorers=["no-neurons"])


def _content(bench: Bench) -> list[tuple[str, str, float]]:
    split = SentEval(bench.data).load("stsb-dev")
    return list(zip(split.left, split.right, split.gold.tolist(), strict=True))


def test_memory_that_runs_out_costs_the_cell(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*args: Any) -> Any:
        bench.encodes += 1
        if bench.encodes == 2:
            raise MemoryError("not enough")
        return encode(*args)

    monkeypatch.setattr("ablate.engine.lower_layers.encode", short)
    results = bench.run(sparsities=[0.25, 0.5])
    assert [row.status for row in results.rows] == ["ok", "failed", "ok"]
    assert results.rows[1].reason == "MemoryError: not enough"
    assert results.rows[1].params_removed == 2096


def test_a_batch_larger_than_the_calibration_set_is_the_users_mistake(bench: Bench) -> None:
    with pytest.raises(
        AblateError, match=r"batches of 32 are asked for, and there are 16 .*; lower batch_size, or take more pairs"
    ):
        bench.run(scorers=["align"], calibration={"pairs": 16, "batch_size": 32})
    assert bench.encodes == 0


@pytest.mark.parametrize(("scorers", "status"), [(["magnitude"], 0), (["magnitude", "nan"], 1)])
def test_the_exit_status_counts_what_failed_and_not_what_is_undefined(
    bench: Bench, scorers: list[str], status: int
) -> None:
    write_set(bench.data, "sickr-dev", pairs(9, 2, 1.0))
    recipe = bench.root / "recipe.yaml"
    recipe.write_text(json.dumps(bench.tree(scorers=scorers, screen=["stsb-dev", "sickr-dev"])))
    done = CliRunner().invoke(app, ["run", str(recipe), "--store", str(bench.store), "--format", "json"])
    assert done.exit_code == status
    rows = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert [row["status"] for row in rows if row["task"] == "sickr-dev"][:2] == ["undefined"] * 2
    assert all(row["score"] is None for row in rows if row["task"] == "sickr-dev")
