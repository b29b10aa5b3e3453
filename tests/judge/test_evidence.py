"""The evidence on the cells of a stage: from rows and values to verdicts, and what is withheld."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ablate.judge.effects import Stage, stages
from ablate.judge.evidence import judge_stage
from ablate.recipe.recipe import Statistics
from ablate.record import Evidence, Row, from_plain, to_plain
from ablate.report.results import Results
from ablate.statistics.correction import adjust
from ablate.statistics.metric import MEAN, SPEARMAN, Statistic
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Judged
from tests.bench import known
from tests.report_rows import about, cell, row

SETTINGS = Statistics(resamples=400)
LOSS = {"metric": "loss", "unit": "nats", "higher_is_better": False}


@dataclass
class Study:
    """A stage whose cells are a gold signal with noise; less noise is a better cell."""

    tasks: tuple[str, ...] = ("one", "two")
    n: int = 150
    statistic: Statistic = SPEARMAN
    measure: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    values: dict[str, dict[str, NDArray[np.float32]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.gold = {task: self.rng.normal(size=self.n) for task in self.tasks}
        self.noise = {task: self.rng.normal(size=self.n) for task in self.tasks}
        self.values = {task: {} for task in self.tasks}
        self.scores: dict[tuple[str, str], float] = {}
        self.add("dense", 1.0, dict.fromkeys(self.tasks, row()), own=0.0)

    def add(self, key: str, noise: float, made: dict[str, Row], shift: float = 0.0, own: float = 0.03) -> None:
        for task in self.tasks:
            jitter = own * self.rng.normal(size=self.n)
            self.values[task][key] = (self.gold[task] + noise * self.noise[task] + jitter + shift).astype(np.float32)
            score = self.statistic.value(self.values[task][key], self.gold[task])
            self.scores[task, key] = score
            dense = self.scores[task, "dense"]
            numbers: dict[str, Any] = {"score": score, "dense": dense, "delta": score - dense}
            clean = {f"{name}_clean": value for name, value in numbers.items()}
            place = {"task": task, "split": "dev", "result": key, "n": self.n} | self.measure
            self.rows.append(replace(made[task], **numbers | clean | place))

    def cell(self, scorer: str, noise: float, matched: tuple[float, ...] = (), own: float = 0.03, **given: Any) -> None:
        made = cell("head", scorer, 0.1, delta=0.0, key=scorer + str(given.get("seed", "")), **given)
        self.add(made.key, noise, dict.fromkeys(self.tasks, made), own=own)
        for draw, size in enumerate(matched):
            control: dict[str, Any] = {
                "control": "matched",
                "control_of": made.key,
                "draw": draw,
                "key": f"{scorer} {draw}",
            }
            self.add(f"{scorer} {draw}", size, dict.fromkeys(self.tasks, replace(made, **control)))

    @property
    def stage(self) -> Stage:
        (stage,) = stages(Results(self.rows, about(screen=list(self.tasks), confirm=[])))
        return stage

    def evidence(self, settings: Statistics = SETTINGS, tasks: tuple[str, ...] | None = None) -> list[Evidence]:
        numbers = np.arange(self.n)
        judged = {
            task: Judged(
                Panel(task, self.gold[task], numbers >= 0, numbers + 1000 * i, np.zeros(self.n, np.int32)),
                self.statistic,
            )
            for i, task in enumerate(self.tasks)
            if tasks is None or task in tasks
        }
        return judge_stage(self.stage, judged, {task: self.values[task] for task in judged}, settings)


def of(evidence: list[Evidence], scorer: str, task: str | None = None, against: str = "dense") -> Evidence:
    (found,) = (e for e in evidence if (e.scorer, e.task, e.against) == (scorer, task, against))
    return found


@pytest.fixture(scope="module")
def study() -> Study:
    made = Study()
    made.cell("good", 0.7, (1.0, 1.02, 0.98, 1.01))
    made.cell("lucky", 0.7, (0.6, 0.7, 0.8, 0.65))
    made.cell("bad", 1.6, (1.0, 1.02, 0.98, 1.01))
    made.cell("same", 1.0, (1.5, 1.6, 1.4, 1.5), own=0.002)
    made.cell("alone", 0.7)
    made.cell("random", 0.7, seed=0)
    made.cell("random", 0.75, seed=1)
    return made


@pytest.fixture(scope="module")
def found(study: Study) -> list[Evidence]:
    return study.evidence()


def test_verdicts(found: list[Evidence]) -> None:
    expected = {"good": "improves", "bad": "harms", "same": "harmless"}
    # No better than its matched draws, or without any: no gain over dense makes it improve. Nor a cell at random.
    expected |= {"lucky": "better", "alone": "better", "random": "better"}
    assert {scorer: of(found, scorer).verdict for scorer in expected} == expected
    assert {scorer: of(found, scorer, "one").verdict for scorer in ("good", "bad")} == {
        "good": "improves",
        "bad": "harms",
    }


def test_the_gain_that_a_verdict_takes(found: list[Evidence]) -> None:
    for item in found:
        if item.against == "matched":
            assert (item.smallest_improves, item.smallest_better) == (None, None)
            continue
        assert (item.smallest_improves is None) == (item.q_improves is None)
        assert known(item.smallest_better) >= 1.9 * item.se
    good, lucky = of(found, "good"), of(found, "lucky")
    # The draws of `lucky` are better than dense and differ more, so that more is needed to beat them.
    assert known(lucky.smallest_improves) > lucky.delta > known(lucky.smallest_better)
    assert known(good.smallest_improves) < good.delta


def test_numbers_are_those_of_the_rows_and_agree_with_each_other(study: Study, found: list[Evidence]) -> None:
    assert len(found) == 3 * (6 + 4)
    for item in found:
        assert item.low <= item.delta <= item.high
        assert 0 < known(item.p_beats if item.against == "matched" else item.p_different) <= 1
        assert item.se == pytest.approx((item.high - item.low) / 3.92, rel=0.2)
        assert item.resamples == 400
    good = of(found, "good", "one")
    delta = study.scores["one", "good"] - study.scores["one", "dense"]
    assert good.delta == pytest.approx(delta)
    drawn = [study.scores["one", f"good {draw}"] - study.scores["one", "dense"] for draw in range(4)]
    matched = of(found, "good", "one", "matched")
    assert matched.delta == pytest.approx(delta - np.mean(drawn))
    assert (matched.draws, matched.beaten) == (4, 4)
    assert (good.n, of(found, "good").n) == (150, 300)
    mean = of(found, "good").delta
    assert mean == pytest.approx((good.delta + of(found, "good", "two").delta) / 2)
    # Independent tasks: their mean has half the variance.
    assert of(found, "good").se == pytest.approx(good.se / np.sqrt(2), rel=0.15)
    assert (good.margin, of(found, "good").margin) == (0.5, 0.2)


def test_several_seeds_are_one_cell(study: Study, found: list[Evidence]) -> None:
    each = [study.scores["one", f"random{seed}"] - study.scores["one", "dense"] for seed in (0, 1)]
    assert of(found, "random", "one").delta == pytest.approx(np.mean(each))


@pytest.mark.parametrize("method", ["bh", "by", "holm"])
def test_a_family_is_all_cells_of_one_place(study: Study, method: str) -> None:
    found = study.evidence(Statistics(resamples=400, correction=method))
    cells = ["good", "lucky", "bad", "same", "alone", "random"]
    items = {scorer: of(found, scorer) for scorer in cells}
    better = [known(item.p_different) if item.delta > 0 else 1.0 for item in items.values()]
    worse = [known(item.p_different) if item.delta < 0 else 1.0 for item in items.values()]
    drawn = [of(found, scorer, against="matched") for scorer in cells[:4]]
    beats = [known(item.p_beats) for item in drawn]
    improves = [max(pair) for pair in zip(better, beats, strict=False)]
    assert [item.q_better for item in items.values()] == pytest.approx(adjust(better, method))
    assert [item.q_worse for item in items.values()] == pytest.approx(adjust(worse, method))
    assert [items[scorer].q_improves for scorer in cells[:4]] == pytest.approx(adjust(improves, method))
    assert [item.q_beats for item in drawn] == pytest.approx(adjust(beats, method))
    harmless = [known(item.p_harmless) for item in items.values()]
    assert [item.q_harmless for item in items.values()] == pytest.approx(adjust(harmless, method))
    for scorer, reason in (("alone", "0 matched draws, and a test needs two"), ("random", "cells at random have no")):
        assert items[scorer].q_improves is None
        assert str(items[scorer].untested).startswith(reason)
    assert {items[scorer].untested for scorer in cells[:4]} == {None}
    # What was tested against dense was not tested against the draws, and the other way round.
    assert {(item.q_better, item.p_different, item.verdict) for item in drawn} == {(None, None, None)}
    assert {(item.q_beats, item.p_beats) for item in items.values()} == {(None, None)}


TWENTY = tuple(float(size) for size in np.random.default_rng(1).normal(1.0, 0.02, 20))


def a_family(every: bool) -> Study:
    """Five cells with twenty draws, of which those without a gain have none unless asked for; alike but for these."""
    made = Study()
    for scorer, noise, own in (("a", 0.7, 0.03), ("b", 0.985, 0.003), ("c", 0.97, 0.05), ("d", 1.03, 0.03)):
        made.cell(scorer, noise, TWENTY, own=own)
    # No better than dense, and far better than its draws, as cells by magnitude mostly are.
    made.cell("far", 1.1, tuple(2 * size for size in TWENTY), own=0.03)
    means = {
        name: np.mean([made.scores[task, name] - made.scores[task, "dense"] for task in made.tasks])
        for name in ("a", "b", "c", "d", "far")
    }
    assert {name for name, mean in means.items() if mean > 0} == {"a", "b", "c"}

    def counted(row: Row) -> Row:
        if row.control or row.cell == "dense":
            return row
        return replace(row, draws_asked=20, draws_made=20 if every or means[row.key] > 0 else 0)

    made.rows = [counted(row) for row in made.rows if every or not row.control or means[str(row.control_of)] > 0]
    return made


@pytest.mark.parametrize("method", ["bh", *(pytest.param(m, marks=pytest.mark.slow) for m in ("by", "holm"))])
def test_no_verdict_on_a_mean_needs_the_draws_of_cells_without_a_gain(method: str) -> None:
    settings = Statistics(resamples=400, correction=method)
    every, fewer = (a_family(all_).evidence(settings) for all_ in (True, False))
    assert [of(every, scorer).verdict for scorer in ("a", "d", "far")] == ["improves", "harms", "harms"]
    for scorer in ("a", "b", "c"):
        assert of(fewer, scorer) == of(every, scorer)
        # The claim to beat the draws keeps the family too, and gets no help from what was left out.
        assert known(of(fewer, scorer, against="matched").q_beats) >= known(
            of(every, scorer, against="matched").q_beats
        )
        for task in ("one", "two"):
            assert known(of(fewer, scorer, task).q_improves) >= known(of(every, scorer, task).q_improves)
    beats = [known(of(fewer, scorer, against="matched").p_beats) for scorer in ("a", "b", "c")]
    q_beats = [of(fewer, scorer, against="matched").q_beats for scorer in ("a", "b", "c")]
    assert q_beats == pytest.approx(adjust([*beats, 1.0, 1.0], method)[:3])
    for scorer in ("d", "far"):
        own, with_draws = of(fewer, scorer), of(every, scorer)
        assert (own.verdict, own.q_better, own.q_harms) == (with_draws.verdict, with_draws.q_better, with_draws.q_harms)
        assert (own.q_improves, own.smallest_improves, with_draws.q_improves) == (None, None, 1.0)
        assert own.untested == "cells whose mean is no better than dense get no matched draws (controls.stop_early)"
        assert not [item for item in fewer if (item.scorer, item.against) == (scorer, "matched")]


def test_the_q_of_a_verdict_is_that_of_its_claim(found: list[Evidence]) -> None:
    assert of(found, "good").q_verdict == of(found, "good").q_improves
    assert of(found, "bad").q_verdict == of(found, "bad").q_harms
    assert of(found, "lucky").q_verdict == of(found, "lucky").q_better
    assert of(found, "good", against="matched").q_verdict is None


def test_a_mean_names_the_tasks_that_are_harmed() -> None:
    made = Study(tasks=("one", "two"))
    made.cell("mixed", 0.5, (1.0, 1.02, 0.98, 1.01))
    # Much better on one task, worse on the other by more than the margin.
    made.values["two"]["mixed"] = (made.gold["two"] + 1.15 * made.noise["two"]).astype(np.float32)
    score = SPEARMAN.value(made.values["two"]["mixed"], made.gold["two"])
    numbers: dict[str, Any] = {"score": score, "delta": score - made.scores["two", "dense"]}
    numbers |= {f"{name}_clean": value for name, value in numbers.items()}
    made.rows = [
        replace(row, **numbers) if (row.task, row.scorer, row.control) == ("two", "mixed", None) else row
        for row in made.rows
    ]
    found = made.evidence()
    assert [of(found, "mixed", task).verdict for task in ("one", "two")] == ["improves", "harms"]
    mean = of(found, "mixed")
    assert (mean.verdict, mean.harmed, mean.said) == ("improves", ("two",), "improves; harms two")
    assert of(found, "mixed", "two").harmed == ()
    # Of one task the mean is the task.
    alone = Study(tasks=("one",))
    alone.cell("bad", 1.6)
    assert (of(alone.evidence(), "bad").verdict, of(alone.evidence(), "bad").harmed) == ("harms", ())


def test_a_wider_margin_makes_less_harm(study: Study) -> None:
    assert of(study.evidence(Statistics(resamples=400, mean_margin=60.0)), "bad").verdict == "harmless"
    own = study.evidence(Statistics(resamples=400, margins={"one": 60.0}))
    assert [of(own, "bad", task).verdict for task in ("one", "two")] == ["harmless", "harms"]
    assert of(own, "bad", "one").margin == 60.0


def test_lower_may_be_better() -> None:
    made = Study(statistic=MEAN, measure=LOSS)
    for scorer, shift in (("lower", -0.5), ("higher", 0.5)):
        made.add(scorer, 1.0, dict.fromkeys(made.tasks, cell("head", scorer, 0.1, delta=0.0, key=scorer)), shift)
        for draw, size in enumerate((0.98, 1.0, 1.02)):
            key = f"{scorer} {draw}"
            control = cell("head", scorer, 0.1, delta=0.0, control="matched", control_of=scorer, draw=draw, key=key)
            made.add(key, size, dict.fromkeys(made.tasks, control))
    found = made.evidence()
    lower, higher = of(found, "lower"), of(found, "higher")
    assert (lower.verdict, higher.verdict) == ("improves", "worse")  # nats have no margin of their own
    assert lower.margin is None
    assert lower.delta < 0 < higher.delta
    against = of(found, "lower", against="matched")
    assert against.low <= against.delta <= against.high < 0
    assert (against.beaten, of(found, "higher", against="matched").beaten) == (3, 0)
    given = made.evidence(Statistics(resamples=400, margins={"one": 0.1, "two": 0.3}))
    assert of(given, "higher").margin == pytest.approx(0.2)
    assert [of(given, scorer).verdict for scorer in ("lower", "higher")] == ["improves", "harms"]


def test_one_rule_for_losses_and_for_scores() -> None:
    """Removing units at random lowers the align loss, and yet is no improvement; a cell beyond its draws is."""
    made = Study(statistic=MEAN, measure=LOSS)

    def add(key: str, shift: float, **given: Any) -> None:
        scorer = given.pop("scorer", key)
        one = cell("head", scorer, 0.1, delta=0.0, key=key, **given)
        made.add(key, 1.0, dict.fromkeys(made.tasks, one), shift)

    for seed in (0, 1, 2):
        add(f"random{seed}", -0.3 - 0.01 * seed, scorer="random", seed=seed)
    for name, shift in (("chosen", -0.6), ("no better", -0.3), ("undrawn", -0.6)):
        add(name, shift)
        for draw, drawn in enumerate((-0.29, -0.3, -0.31)) if name != "undrawn" else ():
            control: dict[str, Any] = {"control": "matched", "control_of": name, "draw": draw}
            add(f"{name} {draw}", drawn, scorer=name, **control)
    found = made.evidence()
    for task in (None, "one", "two"):
        said = {scorer: of(found, scorer, task).verdict for scorer in ("random", "chosen", "no better", "undrawn")}
        assert said == {"random": "better", "chosen": "improves", "no better": "better", "undrawn": "better"}


def test_what_has_no_score_has_no_evidence(study: Study) -> None:
    made = Study()
    made.cell("good", 0.7)
    made.cell("broken", 0.7)
    lost: dict[str, Any] = dict.fromkeys(("score", "delta", "score_clean", "delta_clean", "result"))
    lost |= {"status": "undefined", "reason": "x"}
    made.rows = [replace(row, **lost) if (row.scorer, row.task) == ("broken", "two") else row for row in made.rows]
    found = made.evidence()
    assert {(e.scorer, e.task) for e in found} == {
        ("good", None),
        ("good", "one"),
        ("good", "two"),
        ("broken", "one"),
    }
    # A task that cannot be judged takes the mean with it.
    assert {e.task for e in study.evidence(tasks=("one",))} == {"one"}
    assert study.evidence(tasks=()) == []


def test_one_task_is_its_own_mean() -> None:
    made = Study(tasks=("one",))
    made.cell("good", 0.7)
    found = made.evidence()
    assert replace(of(found, "good"), task="one") == of(found, "good", "one")
    assert of(found, "good").margin == 0.5


def test_evidence_is_plain_and_the_same_again(study: Study, found: list[Evidence]) -> None:
    assert study.evidence() == found
    kinds = {type(value) for item in found for value in to_plain(item).values()}
    assert kinds <= {str, int, float, bool, list, dict, type(None)}
    assert all(from_plain(Evidence, to_plain(item)) == item for item in found)


def test_draws_that_are_the_cell_itself_are_no_test_of_it() -> None:
    made = Study()
    made.cell("itself", 0.7, (0.7, 0.7001, 0.6999))
    made.cell("nearly", 0.7, (1.0, 1.02, 0.98))
    shares = {"itself": 0.004, "nearly": 0.02}
    made.rows = [replace(row, redrawn=shares[str(row.scorer)]) if row.control else row for row in made.rows]
    found = made.evidence()
    assert {e.scorer for e in found if e.against == "matched"} == {"nearly"}
    item = of(found, "itself")
    assert (item.verdict, item.q_improves) == ("better", None)
    assert item.untested == "the match leaves no other units to draw: 99.6 % of a draw's are the cell's"
    assert of(found, "nearly").verdict == "improves"
