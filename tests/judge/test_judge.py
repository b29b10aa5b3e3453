"""A run judges its cells by what it stored, and keeps what it found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import ablate.plugins
from ablate.data.items import ItemSet
from ablate.errors import RecipeError
from ablate.plugins import Entry, Registry, registry
from ablate.record import JUDGMENT, Evidence, Row
from ablate.report.results import Results
from ablate.statistics import metric
from ablate.statistics.panel import Panel
from ablate.statistics.resample import Joint
from ablate.store.store import Store
from ablate.tasks.loaded import Loaded, panel_of
from ablate.tasks.sts import STS_TASKS, Sts
from tests.bench import Bench, known, make_bench, of, one

JUDGED: tuple[str, ...] = (
    "low",
    "high",
    "p_different",
    "q_harms",
    "q_improves",
    "q_better",
    "q_harmless",
    "q_worse",
    "verdict",
)
JUDGED += ("smallest_better",)

Task = next(task for task in STS_TASKS if task.name == "stsb-dev")


class Other(Sts):
    """Scores otherwise than its statistic says."""

    name: ClassVar[str] = "other"
    help: ClassVar[str] = "other"
    split: ClassVar[str] = "dev"

    def load(self, source: Any) -> ItemSet:
        found: ItemSet = source.load("stsb-dev")
        return replace(found, name="other")

    def score(self, data: ItemSet, values: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:  # noqa: ARG002
        return float(values[kept].mean())


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return make_bench(tmp_path, monkeypatch)


def a_run(bench: Bench, **given: Any) -> Results:
    tree: dict[str, Any] = {
        "scorers": ["magnitude", "random"],
        "seeds": [0, 1],
        "confirm": ["stsb", "sickr"],
        "controls": {"matched": 3},
        "statistics": {"resamples": 200},
    }
    return bench.run(**tree | given)


def test_every_cell_is_judged_and_the_store_remembers(bench: Bench) -> None:
    results = a_run(bench)
    places = [(e.stage, e.cell, e.task, e.against) for e in results.evidence]
    confirmed = [
        ("confirm", cell, task, against)
        for task in (None, "stsb", "sickr")
        for cell, against in (
            ("head × magnitude 25 %", "dense"),
            ("head × magnitude 25 %", "matched"),
            ("head × random 25 %", "dense"),
        )
    ]
    screened = [
        ("screen", f"head × {scorer} 25 %", task, "dense")
        for task in (None, "stsb-dev")
        for scorer in ("magnitude", "random")
    ]
    assert places == [*screened, *confirmed]
    assert results.about.statistics == {
        "correction": "bh",
        "level": 0.05,
        "margin": 0.5,
        "mean_margin": 0.2,
        "margins": {},
        "resamples": 200,
        "statistics_seed": 0,
        "withheld": [],
    }
    assert results.about.timings["statistics"] > 0
    with Store(bench.store, create=False) as store:
        rows, about = store.rows(results.about.run), store.about(results.about.run)
        stored_record = Results.from_plain(rows, about)
        assert (stored_record.rows, stored_record.about) == (results.rows, results.about)
        assert rows == [row.to_dict() for row in results.rows]
        panel = store.get_panel(about["panels"]["confirm"]["stsb"])
        assert panel is not None
        assert (panel.task, len(panel)) == ("stsb", 40)
        stored = store.get_results(str(row.result) for row in results.rows)
        for row in results.rows:
            assert stored[str(row.result)].score == row.score


NEW = {"studentized", "untested", "harmed", "p_different", "p_beats", "q_better", "q_worse", "q_harms", "q_harmless"}
MEAN = "confirm", "magnitude", None


def found_of(item: Row | Evidence) -> list[object]:
    return [getattr(item, name) for name in JUDGED]


def test_rows_say_what_was_found_of_them(bench: Bench) -> None:
    results = a_run(bench)
    row = one(results, cell="head magnitude 25 %", task="stsb", control=None)
    (item,) = (e for e in results.evidence if (e.scorer, e.task, e.against) == ("magnitude", "stsb", "dense"))
    assert found_of(row) == found_of(item)
    assert known(row.low) <= known(row.delta_clean) <= known(row.high)
    (mean,) = (e for e in results.evidence if (e.stage, e.scorer, e.task, e.against) == (*MEAN, "dense"))
    assert row.mean_verdict == mean.said
    # Two seeds are judged together, and so neither alone; nor are dense and the controls.
    for other in [*of(results, scorer="random"), *of(results, cell="dense"), *of(results, control="matched")]:
        assert set(found_of(other)) == {None}


def test_evidence_by_other_rules_is_not_shown_in_todays_words(bench: Bench) -> None:
    results = a_run(bench)
    rows, about = [row.to_dict() for row in results.rows], results.about.to_dict()
    assert about["judgment"] == JUDGMENT
    assert Results.from_plain(rows, about).evidence == results.evidence
    # What an ablate wrote whose `improves` a random cell could have.
    older = [{name: value for name, value in item.items() if name not in NEW} for item in about["evidence"]]
    older = [item | {"p": 0.01, "q": 0.02, "verdict": "improves"} for item in older]
    about = {name: value for name, value in about.items() if name != "judgment"} | {"evidence": older}
    rows = [row | {"verdict": "improves", "p": 0.01, "q": 0.02, "low": 0.1, "high": 0.2} for row in rows]
    read = Results.from_plain(rows, about)
    assert read.evidence == []
    assert {(row.verdict, row.low, row.mean_verdict) for row in read.rows} == {(None, None, None)}
    assert [row.score for row in read.rows] == [row.score for row in results.rows]
    (why,) = read.about.withheld
    assert "other rules for verdicts" in why
    assert "improves" not in read.to_markdown()
    # The command of the run judges it anew, and computes nothing.
    bench.clear()
    assert a_run(bench).evidence == results.evidence
    assert bench.encodes == 0


def test_a_second_run_finds_the_same(bench: Bench) -> None:
    first = a_run(bench)
    bench.clear()
    second = a_run(bench)
    assert bench.encodes == 0
    assert second.evidence == first.evidence
    other = a_run(bench, statistics={"resamples": 200, "statistics_seed": 1})
    assert [e.delta for e in other.evidence] == [e.delta for e in first.evidence]
    assert [e.low for e in other.evidence] != [e.low for e in first.evidence]


def test_what_was_judged_is_read_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def counted(joint: Joint, *given: Any) -> Any:
        drawn.append(",".join(joint.tasks))
        return bootstrap(joint, *given)

    bootstrap = Joint.bootstrap
    monkeypatch.setattr(Joint, "bootstrap", counted)
    first = a_run(bench)
    once = drawn.copy()
    assert "stsb,sickr" in once
    second = a_run(bench)
    assert drawn == once
    assert second.evidence == first.evidence
    assert [row.verdict for row in second.rows] == [row.verdict for row in first.rows]
    # Everything that a comparison depends on is in the key: the settings, the cell, and its draws.
    for other in ({"statistics": {"resamples": 200, "margin": 0.1}}, {"seeds": [0]}, {"controls": {"matched": 2}}):
        drawn.clear()
        a_run(bench, **other)
        assert drawn, other
    # A correction compares nothing anew.
    drawn.clear()
    corrected = a_run(bench, statistics={"resamples": 200, "level": 0.01, "correction": "holm"})
    assert not drawn
    assert {e.correction for e in corrected.evidence} == {"holm"}


def test_evidence_that_lacks_a_task_is_not_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {"screen": ["stsb-dev", "other"], "confirm": None}
    found = Registry([*registry().entries, Entry("task", Other, "stranger 1.0")], [])
    monkeypatch.setattr(ablate.plugins, "registry", lambda: found)
    monkeypatch.setattr("ablate.plan.job.registry", lambda: found)
    assert a_run(bench, **given).about.withheld
    # The author mends it.
    monkeypatch.setattr(Other, "statistic", lambda _: metric.MEAN)
    mended = a_run(bench, **given)
    assert not mended.about.withheld
    assert {e.task for e in mended.evidence} == {None, "stsb-dev", "other"}


def test_seen_pairs_are_judged_only_where_they_are_kept(bench: Bench) -> None:
    given = {"screen": ["stsb-train"], "confirm": None, "scorers": ["align"], "seeds": [0]}
    numbers = {}
    for overlap in ("drop", "keep"):
        results = a_run(bench, overlap=overlap, **given)
        (item,) = (e for e in results.evidence if e.task == "stsb-train")
        row = one(results, scorer="align")
        numbers[overlap] = item.n
        assert item.n == (row.n_clean if overlap == "drop" else row.n)
        assert item.delta == row.delta_on(overlap == "drop")
    assert numbers["drop"] < numbers["keep"]


def test_a_task_whose_statistic_is_not_its_score_has_no_evidence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Registry([*registry().entries, Entry("task", Other, "stranger 1.0")], [])
    monkeypatch.setattr(ablate.plugins, "registry", lambda: found)
    monkeypatch.setattr("ablate.plan.job.registry", lambda: found)
    results = a_run(bench, screen=["stsb-dev", "other"], confirm=None)
    assert {e.task for e in results.evidence} == {"stsb-dev"}
    (why,) = results.about.withheld
    assert why == "other (screen): task 'other': statistic() gives another score than score(); override both or neither"


def test_an_undefined_score_is_no_evidence(bench: Bench) -> None:
    (bench.data / "SICK" / "SICK_trial.txt").write_text(
        "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment\n"
        + "".join(f"{i}\ta {i}\tb {i}\t3.0\tNEUTRAL\n" for i in range(5))
    )
    results = a_run(bench, screen=["stsb-dev", "sickr-dev"], confirm=None)
    assert one(results, cell="head magnitude 25 %", task="sickr-dev").status == "undefined"
    assert {e.task for e in results.evidence} == {"stsb-dev"}


def test_margins_are_for_tasks_of_the_recipe(bench: Bench) -> None:
    results = a_run(bench, statistics={"resamples": 200, "margins": {"stsb": 2.5}})
    assert {e.task: e.margin for e in results.evidence} == {"stsb-dev": 0.5, "stsb": 2.5, "sickr": 0.5, None: 0.2}
    with pytest.raises(RecipeError, match="'stbs' is not one of the recipe's tasks; did you mean 'stsb'"):
        a_run(bench, statistics={"margins": {"stbs": 2.5}})


def test_a_panel_comes_back_as_it_was_put(tmp_path: Path) -> None:
    pairs = (("A man.", "A  dog!"), ("a dog", "a man"), ("x", "y"))
    data = ItemSet("stsb-dev", "dev", "here", pairs, np.array([1.0, 2.0, 3.0]), ("b", "a", "b"))
    panel = panel_of(Loaded(Task(), data, np.array([True, False, True])))
    assert panel.cluster[0] == panel.cluster[1] != panel.cluster[2]
    assert panel.stratum.tolist() == [0, 1, 0]
    elsewhere = panel_of(Loaded(Task(), replace(data, name="sts12"), np.ones(3, bool)))
    assert np.array_equal(elsewhere.cluster, panel.cluster)
    assert panel.judged("drop").gold.tolist() == [1.0, 3.0]
    assert len(panel.judged("keep")) == 3
    with Store(tmp_path / "store.db") as store:
        key = store.put_panel(panel)
        assert store.put_panel(panel) == key
        found = store.get_panel(key)
        assert found is not None
        assert found.key == key
        for name in ("gold", "kept", "cluster", "stratum"):
            before, after = getattr(panel, name), getattr(found, name)
            assert before.dtype == after.dtype
            assert np.array_equal(before, after)
        assert store.get_panel("0" * 64) is None
        for file in (tmp_path / "store.db.files").iterdir():
            file.write_bytes(b"damaged")
        with pytest.warns(RuntimeWarning, match="cut short or altered"):
            assert store.get_panel(key) is None
        store.put_panel(panel)
        for file in (tmp_path / "store.db.files").iterdir():
            file.write_bytes(b"damaged")
        with pytest.warns(RuntimeWarning, match="cut short or altered"):
            assert store.put_panel(panel) == key
        assert store.get_panel(key) is not None


@pytest.mark.filterwarnings("ignore:.*cut short or altered:RuntimeWarning")
def test_a_run_mends_the_panels_and_similarities_that_were_damaged(bench: Bench) -> None:
    """The second run finds every file damaged, and gives the intervals and verdicts of the first."""
    keys: dict[str, Any] = {"confirm": ["stsb"], "statistics": {"resamples": 200}}
    first = bench.run(**keys)
    for file in bench.store.with_name("store.db.files").glob("*.safetensors"):
        file.write_bytes(b"damaged")
    second = bench.run(**keys)
    assert first.evidence
    assert second.evidence == first.evidence
    assert second.about.withheld == first.about.withheld == ()


@given(st.integers(0, 3), st.booleans())
def test_a_panels_key_tells_every_difference(place: int, task: bool) -> None:
    numbers = np.arange(3)
    one = Panel("a", numbers.astype(float), numbers > 0, numbers.astype(np.int64), numbers.astype(np.int32))
    name = ("gold", "kept", "cluster", "stratum")[place]
    changed = getattr(one, name).copy()
    changed[1] = not changed[1] if name == "kept" else changed[1] + 1
    other = replace(one, task="b") if task else replace(one, **{name: changed})
    assert other.key != one.key


def test_an_older_store_gets_the_table_that_it_lacks(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    with Store(tmp_path / "store.db"):
        pass
    with create_engine(f"sqlite:///{tmp_path / 'store.db'}").begin() as connection:
        connection.execute(text("DROP TABLE ablate_panels"))
    with Store(tmp_path / "store.db") as store:
        numbers = np.arange(3)
        panel = Panel("a", numbers.astype(float), numbers > 0, numbers.astype(np.int64), numbers.astype(np.int32))
        assert store.get_panel(store.put_panel(panel)) is not None
