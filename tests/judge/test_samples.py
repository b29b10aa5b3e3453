"""A stage's tasks as a sample: the evidence on a mean against numbers that are computed here, and where it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.stats

from ablate.data.names import FAMILIES, KNOWN
from ablate.judge.evidence import judge_stage
from ablate.plugins import registry
from ablate.record import Evidence, Samples, from_plain, to_plain
from ablate.report.html.gather import gather
from ablate.report.html.page import render_html
from ablate.report.results import Results
from ablate.report.samples import samples_table
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Judged
from ablate.store.store import Store
from ablate.tasks.sts import Sts
from tests.bench import Bench, module_bench  # noqa: F401
from tests.judge.test_evidence import SETTINGS, Study, of

TASKS = ("one", "two", "three", "own")
FAMILY = {"one": "old", "two": "old", "three": "old"}


def judged(made: Study, *, sentences: bool = True, shared: bool = True) -> list[Evidence]:
    """Pair i of every task has a sentence of its own, and one that it shares with pair i of the other tasks."""
    numbers = np.arange(made.n)
    tasks = {}
    for place, task in enumerate(made.tasks):
        own = 10_000 * (place + 1) + numbers
        texts = np.stack([numbers if shared else -own, own], axis=1)
        panel = Panel(
            task, made.gold[task], numbers >= 0, own, np.zeros(made.n, np.int32), texts if sentences else None
        )
        tasks[task] = Judged(panel, made.statistic, FAMILY.get(task, ""))
    return judge_stage(made.stage, tasks, made.values, SETTINGS)


def study(tasks: tuple[str, ...] = TASKS) -> Study:
    made = Study(tasks=tasks)
    made.cell("good", 0.7, (1.0, 1.02, 0.98))
    made.cell("random", 0.7, seed=0)
    made.cell("random", 0.75, seed=1)
    return made


def samples(item: Evidence) -> Samples:
    assert item.samples is not None
    return item.samples


def test_the_gain_per_family_and_the_interval_over_sets() -> None:
    made = study()
    found = judged(made)
    deltas = {task: made.scores[task, "good"] - made.scores[task, "dense"] for task in TASKS}
    mean = samples(of(found, "good"))
    old, own = mean.families
    assert (old.family, old.tasks, own.family, own.tasks) == ("old", TASKS[:3], "own", ("own",))
    assert old.delta == pytest.approx(np.mean([deltas[task] for task in TASKS[:3]]))
    # A family of one set is the set: its interval is that of the task.
    alone = of(found, "good", "own")
    assert (own.delta, own.low, own.high) == pytest.approx((alone.delta, alone.low, alone.high))
    assert old.low < old.delta < old.high
    interval = scipy.stats.ttest_1samp(list(deltas.values()), 0).confidence_interval(0.95)
    assert mean.sets is not None
    assert mean.sets.sets == 4
    assert (mean.sets.low, mean.sets.high) == pytest.approx((interval.low, interval.high))
    assert mean.withheld == ()
    # Nothing is said of a single task, nor against draws.
    assert {item.samples for item in found if item.task or item.against != "dense"} == {None}
    # Of several seeds, the mean.
    random = samples(of(found, "random"))
    assert np.average([one.delta for one in random.families], weights=[3, 1]) == pytest.approx(
        of(found, "random").delta
    )


def test_components_of_pairs_that_share_a_sentence() -> None:
    made = study()
    for task in TASKS[1:]:  # the same errors in all tasks, on pairs that are not the same
        made.gold[task] = made.gold["one"]
        made.values[task] = dict(made.values["one"])
    found = samples(of(judged(made), "good")).components
    assert found is not None
    assert found.components == 150
    assert found.largest == pytest.approx(1 / 150)
    # Four copies: the mean over tasks has the standard error of one task, and pairs give half of it.
    assert found.ratio == pytest.approx(2, rel=0.15)
    apart = samples(of(judged(made, shared=False), "good")).components
    assert apart is not None
    assert apart.components == 600
    assert apart.ratio == pytest.approx(1, rel=0.1)


def test_what_is_withheld_says_why() -> None:
    made = study(("one", "two"))
    found = samples(of(judged(made, sentences=False), "good"))
    assert (found.sets, found.components) == (None, None)
    assert found.withheld == (
        "over sets: 2 sets, and an interval over sets needs 3",
        "components: the pairs of one were stored by an older ablate, without what sentences they share",
    )
    stage = made.stage
    stage.evidence = {(e.group, e.task, e.against): e for e in judged(made, sentences=False)}
    table = samples_table(stage, stage.groups, "t")
    assert table is not None
    assert [column.title for column in table.columns][-3:] == ["over sets", "over components", "se"]
    assert all(line.cells[-1].text == "–" for line in table.lines)
    assert f"Withheld: {found.withheld[1]}." in table.notes


def test_an_older_record_reads_and_a_new_one_returns() -> None:
    found = judged(study())
    for item in found:
        plain = to_plain(item)
        assert from_plain(Evidence, plain) == item
        del plain["samples"]
        assert from_plain(Evidence, plain) == replace(item, samples=None)


def test_every_built_in_set_is_of_a_known_family() -> None:
    assert set(FAMILIES) <= set(KNOWN)
    of_task = {name: registry().task_class(name).family for name in KNOWN}
    assert of_task == {name: FAMILIES.get(name, "") for name in of_task}
    assert {name for name, family in of_task.items() if family == "SemEval" and "-" not in name} == {
        *(f"sts{year}" for year in range(12, 17)),
        "stsb",
    }
    assert of_task["sickr"] == "SICK"

    class Own(Sts):
        """A task of a plug-in from before tasks had families."""

        name: ClassVar[str] = "own"

    assert Own.family == ""


def test_a_run_prints_and_stores_it(bench: Bench) -> None:
    given: dict[str, Any] = {"confirm": ["stsb", "sickr", "align-dev"], "statistics": {"resamples": 200}}
    results = bench.run(**given, tasks={})
    (mean,) = (
        e for e in results.evidence if (e.stage, e.task, e.against, e.metric) == ("confirm", None, "dense", "spearman")
    )
    found = samples(mean)
    assert [(one.family, one.tasks) for one in found.families] == [("SemEval", ("stsb",)), ("SICK", ("sickr",))]
    assert found.components is not None
    assert 0 < found.components.components <= 60
    (summary,) = (one for one in results.summary() if (one.stage, one.metric) == ("confirm", "spearman"))
    assert summary.samples == found
    text = results.to_markdown()
    assert "Confirm, tasks as a sample: mean Δ on 2 tasks (test), points (spearman)" in text
    assert "SemEval = stsb; SICK = sickr" in text
    assert "Withheld: over sets: 2 sets, and an interval over sets needs 3." in text
    with Store(bench.store) as store:
        assert "tasks as a sample" in render_html(gather(store, results))
        about = store.about(results.about.run)
        again = Results.from_plain(store.rows(results.about.run), about)
    assert again.evidence == results.evidence
