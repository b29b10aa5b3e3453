"""A user's own files go through a run: they choose, and report without what chose; they are named by file and hash."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ablate.record import RunAbout
from tests.bench import Bench, make_bench, of, one, pairs


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = make_bench(tmp_path, monkeypatch)
    dev, test = pairs(7, 30), pairs(8, 30)
    lines = [f"{a},{b},{gold * 20}" for a, b, gold in dev]
    (tmp_path / "pairs.csv").write_text("\n".join(["text_a,text_b,similarity", *lines]))
    # Ten pairs of dev are in the test set too, the other way around and in other case.
    objects = [{"sentence1": b.upper(), "sentence2": a, "score": gold} for a, b, gold in dev[:10]]
    objects += [{"sentence1": a, "sentence2": b, "score": gold} for a, b, gold in test]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, objects)))
    rows = [f"{a}\t{b}\t{int(gold > 2.5)}" for a, b, gold in pairs(9, 40)]
    (tmp_path / "labels.tsv").write_text("\n".join(["question1\tquestion2\tis_duplicate", *rows]))
    rows = [f"{a}\t{b}\t{c}" for (a, b, _), (c, _, _) in pairwise(test)]
    (tmp_path / "triplets.tsv").write_text("\n".join(["anchor\tpositive\tnegative", *rows]))
    return made


def test_it_is_chosen_by_and_judged_on(bench: Bench) -> None:
    files = {name: str(bench.root / name) for name in ("pairs.csv", "test.jsonl", "labels.tsv", "triplets.tsv")}
    given: dict[str, Any] = {
        "scorers": ["align", "magnitude"],
        "tasks": {
            "mine": {"kind": "sts", "file": files["pairs.csv"]},
            "held-out": {"kind": "sts", "file": files["test.jsonl"], "split": "test"},
            "linear": {"kind": "sts", "file": files["test.jsonl"], "split": "test", "metric": "pearson"},
            "same": {"kind": "pairs", "file": files["labels.tsv"], "split": "test"},
            "nearer": {"kind": "triplets", "file": files["triplets.tsv"], "split": "test"},
        },
        "screen": ["mine"],
        "confirm": ["held-out", "linear", "same", "nearer"],
        "statistics": {"resamples": 200},
    }
    results = bench.run(**given)
    assert {row.status for row in results.rows} == {"ok"}
    counts = {task: one(results, cell="dense", stage="confirm", task=task) for task in given["confirm"]}
    assert {task: (row.n, row.n_clean) for task, row in counts.items()} == {
        "held-out": (40, 30),
        "linear": (40, 30),
        "same": (40, 40),
        "nearer": (29, 29),
    }
    assert {task: row.metric for task, row in counts.items()} == {
        "held-out": "spearman",
        "linear": "pearson",
        "same": "average precision",
        "nearer": "accuracy",
    }
    assert not results.about.exploratory
    evidence = [e for e in results.evidence if e.scorer == "magnitude" and e.stage == "confirm" and e.task]
    assert {e.task for e in evidence} == set(given["confirm"])
    assert all(e.low <= e.delta <= e.high for e in evidence)
    about = results.about.tasks or {}
    assert about["mine"]["columns"] == {"first": "text_a", "second": "text_b", "score": "similarity"}
    text = results.to_markdown().replace("\\", "")
    assert f"mine: pairs.csv (sha256 {about['mine']['sha256'][:12]}), sts, dev; first = text_a" in text
    assert "not the standard set" not in text
    # The same files are the same results, wherever they are.
    moved = bench.root / "elsewhere.csv"
    Path(files["pairs.csv"]).rename(moved)
    given["tasks"] = {**given["tasks"], "mine": {"kind": "sts", "file": str(moved)}}
    again = bench.run(**given)
    assert {row.cached for row in of(again, stage="screen")} == {True}


def test_rows_name_the_file_and_its_hash(bench: Bench) -> None:
    (bench.root / "mine.csv").write_text(
        "\n".join(["text1,text2,score", *(f"{a},{b},{g}" for a, b, g in pairs(3, 40))])
    )
    tasks = {"mine": {"kind": "sts", "file": str(bench.root / "mine.csv")}}
    results = bench.run(tasks=tasks, screen=["mine", "stsb-dev"], scorers=["magnitude"])
    found = {row.task: row.data for row in results.rows}
    assert found["mine"].startswith("mine.csv (sha256 ")
    assert found["stsb-dev"] == "senteval"
    assert "data: senteval" in results.to_markdown()
    alone = bench.run(tasks=tasks, screen=["mine"], scorers=["magnitude"])
    assert "data: your own files; anything else is from senteval" in alone.to_markdown()


def test_it_can_race(bench: Bench) -> None:
    task = {"kind": "pairs", "file": str(bench.root / "labels.tsv")}
    results = bench.run(
        tasks={"same": task}, screen=["same"], confirm=["sickr"], evaluate={"racing": True}, sparsities=[0.25, 0.5]
    )
    assert {row.status for row in results.rows} <= {"ok", "stopped"}


def _near_files(root: Path) -> dict[str, Any]:
    """Of 20 test pairs, 2 are dev pairs, 3 are dev pairs with another ending, and 1 has one such text only."""
    dev, test = pairs(17, 30), pairs(18, 14)
    near = [(f"{b}s", a, gold) for a, b, gold in dev[5:8]] + [(f"{dev[9][0]}s", "a b c d e f", 1.0)]
    for name, rows in (("dev.csv", dev), ("held.csv", [*dev[:2], *near, *test])):
        (root / name).write_text("\n".join(["text1,text2,score", *(f"{a},{b},{gold}" for a, b, gold in rows)]))
    return {
        "tasks": {
            "mine": {"kind": "sts", "file": str(root / "dev.csv")},
            "held-out": {"kind": "sts", "file": str(root / "held.csv"), "split": "test"},
        },
        "screen": ["mine"],
        "confirm": ["held-out"],
        "statistics": {"resamples": 200},
    }


def test_near_duplicates_of_what_chose_are_reported_or_left_out(bench: Bench) -> None:
    given, told = _near_files(bench.root), "held-out: 3 items are near-duplicates (similarity 0.8 or more) of what"
    plain = bench.run(**given)
    found = plain.about.near_duplicates
    assert found is not None
    assert (found.action, found.items) == ("report", {"mine": 0, "held-out": 3})
    counts = one(plain, cell="dense", stage="confirm", task="held-out")
    assert (counts.n, counts.n_clean) == (20, 18)
    (note,) = [event.text for event in bench.events if "near-duplicates" in event.text]
    assert note == f"{told} calibrated or chose; Δ counts them; near_duplicates: drop leaves them out"
    assert note in plain.to_markdown().replace("\\", "")
    assert RunAbout.from_dict(plain.about.to_dict()).near_duplicates == found

    dropped = bench.run(**given, near_duplicates="drop")
    counts = one(dropped, cell="dense", stage="confirm", task="held-out")
    assert (counts.n, counts.n_clean) == (20, 15)
    assert f"{told} calibrated or chose; Δ leaves them out" in dropped.to_markdown().replace("\\", "")

    # At 1 only equal sets of shingles are near, and a text that is one letter longer has another set.
    strict = bench.run(**given, near_duplicates={"action": "drop", "similarity": 1.0})
    assert one(strict, cell="dense", stage="confirm", task="held-out").n_clean == 18

    ignored = bench.run(**given, near_duplicates="ignore")
    assert ignored.about.near_duplicates is None
    assert "near_duplicates" not in ignored.about.to_dict()


def test_near_duplicates_of_standard_sets_are_not_looked_for_unless_asked(bench: Bench) -> None:
    plain = bench.run(confirm=["stsb"]).about
    assert "near_duplicates" not in plain.to_dict()
    assert "near_duplicates" not in (plain.recipe or {})
    asked = bench.run(confirm=["stsb"], near_duplicates="report").about
    assert asked.near_duplicates is not None
    assert set(asked.near_duplicates.items) == {"stsb-dev", "stsb"}
    assert (asked.recipe or {})["near_duplicates"] == {"action": "report", "similarity": 0.8}


def test_near_duplicates_cannot_be_left_out_where_equal_items_are_kept(bench: Bench) -> None:
    with pytest.raises(ValueError, match="near_duplicates: drop needs overlap: drop"):
        bench.recipe(near_duplicates="drop", overlap="keep")


def test_further_kinds_choose_and_report(bench: Bench) -> None:
    folder = bench.root
    texts = [(a, b, gold) for a, b, gold in pairs(5, 90)]
    rows = [f"{a}\t{b}" for a, b, gold in texts[:30] if a != b]
    (folder / "queries.tsv").write_text("\n".join(["query\tpositive", *dict.fromkeys(rows)]))
    (folder / "set" / "qrels").mkdir(parents=True)
    for name, column in (("queries", 0), ("corpus", 1)):
        objects = [{"_id": f"{name}{i}", "text": row[column]} for i, row in enumerate(texts)]
        (folder / "set" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, objects)))
    grades = [f"queries{i}\tcorpus{(i + k) % 90}\t{2 - k}" for i in range(40) for k in range(2)]
    (folder / "set" / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *grades]))
    for name, start in (("fit", 0), ("held", 30)):
        lines = [f"{texts[i][0]}\t{'even' if i % 2 else 'odd'}" for i in range(start, start + 30)]
        (folder / f"{name}.tsv").write_text("\n".join(["text\tlabel", *lines]))
    (folder / "groups.tsv").write_text(
        "\n".join(["text\ttopic", *(f"{a} {i}\t{'odd' if i % 2 else 'even'}" for i, (a, _, _) in enumerate(texts))])
    )
    test = {"split": "test"}
    held = {"kind": "classification", "file": str(folder / "held.tsv"), "train": str(folder / "fit.tsv"), **test}
    tasks = {
        "mine": {"kind": "retrieval", "file": str(folder / "queries.tsv"), "metric": "accuracy", "at": 3},
        "found": {"kind": "retrieval", "file": str(folder / "set"), **test},
        "intents": held,
        "few": {**held, "protocol": "mteb"},
        "topics": {"kind": "clustering", "file": str(folder / "groups.tsv"), "sets": 10, **test},
    }
    confirm = ["found", "intents", "few", "topics"]
    given: dict[str, Any] = {"scorers": ["magnitude"], "tasks": tasks, "screen": ["mine"], "confirm": confirm}
    results = bench.run(**given, statistics={"resamples": 200})
    assert {row.status for row in results.rows} == {"ok"}, [row.reason for row in results.rows]
    metrics = {task: one(results, cell="dense", stage="confirm", task=task).metric for task in confirm}
    assert metrics == {"found": "nDCG@10", "intents": "accuracy", "few": "accuracy", "topics": "V-measure"}
    evidence = [e for e in results.evidence if e.scorer == "magnitude" and e.stage == "confirm" and e.task]
    assert {e.task for e in evidence} == set(confirm)
    text = results.to_markdown().replace("\\", "")
    assert "found: set (sha256 " in text
    assert ", retrieval, test; qrels = test" in text
    assert "intents: held.tsv (sha256 " in text
    assert "train = fit.tsv (sha256 " in text
