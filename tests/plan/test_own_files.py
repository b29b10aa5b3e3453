"""A recipe's tasks on own files: refused in one line at their place, before a model loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.recipe.recipe import load_recipe
from ablate.store.place import locate
from tests.workplace import RECIPE, Workplace

PAIRS = "text1,text2,score\n" + "".join(f"words {i},other {i},{i % 5}\n" for i in range(30))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    made = Workplace(tmp_path, monkeypatch, capsys)
    Path("pairs.csv").write_text(PAIRS)
    Path("same.csv").write_text(PAIRS)
    Path("items.tsv").write_text(PAIRS.replace(",", "\t"))
    Path("other.csv").write_text(PAIRS.replace("other", "others"))
    return made


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ("mine: {file: pairs.csv}", "r.yaml:8:9: task 'mine' has no 'kind', which says what its file has; add one of"),
        ("mine: {kind: stss, file: pairs.csv}", "r.yaml:8:16: task 'mine': 'stss' is no kind of file; did you mean"),
        ("mine: {kind: sts}", "r.yaml:8:9: task 'mine' has no 'file' (CSV, TSV, JSONL or Parquet); add it"),
        (
            "mine: {kind: sts, file: pairs.csv, split: tset}",
            "r.yaml:8:44: task 'mine', split: must be 'train', 'dev' or 'test', not 'tset'",
        ),
        (
            "mine: {kind: sts, file: pairs.csv, split: train}",
            "r.yaml:7:10: 'mine' has split: train, and only calibrates; measure on a task with split: dev or test",
        ),
        (
            "mine: {kind: sts, file: pairs.csv, part: {shares: {dev: 0.5, tset: 0.5}}}",
            "r.yaml:8:70: task 'mine': unknown parameter 'tset'; did you mean 'test'?",
        ),
        (
            "mine: {kind: sts, file: pairs.csv, part: {shares: {dev: 0.5, test: 0.4}}}",
            "r.yaml:8:51: task 'mine', part.shares: the shares add up to 0.9; let them add up to 1",
        ),
        (
            "mine: {kind: sts, file: pairs.csv, part: {column: txt1}}",
            "pairs.csv:1: no column 'txt1' (part); did you mean 'text1'?",
        ),
        (
            "mine: {kind: sts, file: pairs.csv, part: {column: text1}}",
            "pairs.csv:2:1: 'text1' is 'words 0', which is no part; write one of train, dev, validation, val, valid,",
        ),
        (
            "mine: {kind: sts, file: pairs.csv, part: {shares: {train: 0.5, test: 0.5}}}",
            "r.yaml:8:27: pairs.csv: by shares of train 0.5, test 0.5 with seed 0 no row is in 'dev' (there are train 15, test 15);",
        ),
        (
            "mine: {kind: sts, file: pairs.csv, columns: {frst: a}}",
            "r.yaml:8:54: task 'mine': unknown parameter 'frst'; did you mean 'first'?",
        ),
        (
            "mine: {kind: pairs, file: pairs.csv, metric: pearson}",
            "r.yaml:8:46: task 'mine': unknown parameter 'metric'; valid: columns, file, kind, part, sha256, split",
        ),
        ("mine: {kind: sts, file: nope.csv}", "r.yaml:8:27: nope.csv: No such file or directory; correct the path"),
        (
            "mine: {kind: sts, file: pairs.csv, columns: {score: scored}}",
            "pairs.csv:1: no column 'scored' (score); did you mean 'score'?",
        ),
        ("mine: {kind: sts, file: pairs.csv, sha256: '1234'}", "r.yaml:8:27: pairs.csv: has changed: its sha256 is "),
        ("stsb-dev: {kind: sts, file: pairs.csv}", "r.yaml:8:9: 'stsb-dev' is another task's name; give your file one"),
        ("sts: {kind: sts, file: pairs.csv}", "r.yaml:8:9: 'sts' is a group of tasks; give your file another name"),
        ("a@2: {kind: sts, file: pairs.csv}", "r.yaml:8:9: 'a@2' cannot name a task; use letters and digits"),
        (
            "mine: {kind: sts, file: pairs.csv}, unused: {kind: sts, file: pairs.csv}",
            "r.yaml:8:45: 'unused' is not one of the recipe's tasks; valid: mine",
        ),
    ],
)
def test_refused(workplace: Workplace, tasks: str, told: str) -> None:
    workplace.nothing_may_load()
    text = RECIPE.replace("screen: [sts-dev]", "screen: [mine]" if "mine" in tasks else "screen: [sts-dev]")
    assert workplace.refused(workplace.run(f"{text}tasks: {{{tasks}}}\n")).startswith(told)


def test_every_path_may_begin_at_home(workplace: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(workplace.folder))
    Path("positives.tsv").write_text("".join(f"a {i}\tb {i}\n" for i in range(30)))
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    text = RECIPE.replace("model: model", "model: ~/model").replace("senteval: data", "senteval: ~/data")
    text = text.replace("pairs: 8,", "positives: {file: ~/positives.tsv}, pairs: 8,").replace(
        "[sts-dev]", "[mine, sts-dev]"
    )
    text += "tasks: {mine: {kind: sts, file: ~/pairs.csv}}\ntrain: {pairs: ~/pairs.csv}\n"
    ran = workplace.run(text, "--dry-run", "--store=~/there.db")
    assert ran.code == 0, ran.err
    recipe, _ = load_recipe("r.yaml")
    assert recipe.train is not None
    assert recipe.train.pairs == workplace.folder / "pairs.csv"
    assert locate("~/there.db").path == workplace.folder.resolve() / "there.db"
    # A name without such a user stays as it is, and the message has it.
    wrong = text.replace("~/pairs.csv", "~no-such-user/pairs.csv", 1).partition("train:")[0]
    nobody = workplace.refused(workplace.run(wrong))
    assert nobody.startswith("r.yaml:8:27: ~no-such-user/pairs.csv: No such file or directory; correct the path")


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("pairs.csv", "pairs.csv is test in task 'held-out' and dev in 'mine'; what chooses must not report"),
        ("same.csv", "same.csv and pairs.csv are one: it is test in task 'held-out' and dev in 'mine'"),
        ("items.tsv", "items.tsv and pairs.csv are one: it is test in task 'held-out' and dev in 'mine'"),
    ],
)
def test_no_file_chooses_and_reports(workplace: Workplace, file: str, told: str) -> None:
    workplace.nothing_may_load()
    tasks = f"mine: {{kind: sts, file: pairs.csv}}, held-out: {{kind: sts, file: {file}, split: test}}"
    text = RECIPE.replace("screen: [sts-dev]", "screen: [mine]\nconfirm: [held-out]")
    refused = workplace.refused(workplace.run(f"{text}tasks: {{{tasks}}}\n"))
    assert refused.startswith(f"r.yaml:9:45: {told}")


def test_no_test_set_calibrates(workplace: Workplace) -> None:
    workplace.nothing_may_load()
    Path("test.tsv").write_text("text1\ttext2\tscore\n" + "".join(f"w {i}\to {i}\t{i % 5}\n" for i in range(9)))
    text = RECIPE.replace("{pairs: 8,", "{positives: {file: ./test.tsv}, pairs: 8,")
    text += "confirm: [held-out]\ntasks: {held-out: {kind: sts, file: test.tsv, split: test}}\n"
    refused = workplace.refused(workplace.run(text))
    assert "test.tsv is the test set of task 'held-out', which must only report; calibrate on other pairs" in refused


def test_a_scorer_takes_a_dev_file_and_no_test_file(workplace: Workplace) -> None:
    text = RECIPE.replace("[align, random]", "[{scorer: oracle, 'on': mine}]")
    own = "tasks: {mine: {kind: sts, file: other.csv, split: %s}}\n"
    assert "a scorer looks at 'mine', a test set" in workplace.refused(workplace.run(text + own % "test"))
    assert workplace.run(text + own % "dev", "--dry-run").code == 0


def test_a_dry_run_says_what_the_file_is_taken_for(workplace: Workplace) -> None:
    text = RECIPE.replace("[sts-dev]", "[mine]") + "tasks: {mine: {kind: sts, file: pairs.csv}}\n"
    ran = workplace.run(text, "--dry-run")
    assert ran.code == 0
    line = next(line for line in ran.out.splitlines() if line.startswith("mine: "))
    assert line.startswith("mine: pairs.csv (sha256 ")
    assert line.endswith("), sts, dev; first = text1, second = text2, score = score")


SHARES = "part: {shares: {train: 0.4, dev: 0.2, test: 0.4}, seed: %d}"


def divided(one: int, other: int, file: str = "pairs.csv") -> str:
    tasks = f"mine: {{kind: sts, file: pairs.csv, {SHARES % one}}}, "
    tasks += f"held-out: {{kind: sts, file: {file}, split: test, {SHARES % other}}}"
    return RECIPE.replace("screen: [sts-dev]", "screen: [mine]\nconfirm: [held-out]") + f"tasks: {{{tasks}}}\n"


def test_parts_of_one_file_choose_and_report(workplace: Workplace) -> None:
    ran = workplace.run(divided(0, 0), "--dry-run")
    assert ran.code == 0, ran.err
    assert "; 6 of 30 rows, by shares of train 0.4, dev 0.2, test 0.4 with seed 0, rows that share" in ran.out
    # Another seed divides otherwise, so that rows would choose and report.
    refused = workplace.refused(workplace.run(divided(0, 1)))
    assert "rows of pairs.csv are test in task 'held-out' and dev in 'mine'; what chooses must not report" in refused
    assert refused.endswith("so give both the same part")
    # The same rows in another format are other bytes, and the same parts.
    assert workplace.run(divided(0, 0, "items.tsv"), "--dry-run").code == 0


def test_a_dev_file_that_has_every_item_of_the_test_file(workplace: Workplace) -> None:
    Path("more.csv").write_text(PAIRS + "and one,more,3\n")
    tasks = "mine: {kind: sts, file: more.csv}, held-out: {kind: sts, file: pairs.csv, split: test}"
    text = RECIPE.replace("screen: [sts-dev]", "screen: [mine]\nconfirm: [held-out]") + f"tasks: {{{tasks}}}\n"
    assert "every item of pairs.csv is also in more.csv, so that they are test in" in workplace.refused(
        workplace.run(text)
    )
