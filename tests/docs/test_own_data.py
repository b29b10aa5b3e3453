"""docs/own-data.md works as a stranger follows it: its rows, its commands and its recipe, on a tiny model."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

from tests.bench import pairs
from tests.workplace import Workplace

PAGE = (Path(__file__).parents[2] / "docs" / "own-data.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_page_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace = Workplace(tmp_path, monkeypatch, capsys)
    for seed, name in enumerate(("dev.csv", "test.csv")):
        rows = [(a, b, 20 * gold) for a, b, gold in pairs(seed, 30)]
        with Path(name).open("w", newline="") as file:
            file.write(block("text"))
            csv.writer(file).writerows(rows)
    with Path("pairs.csv").open("w", newline="") as file:
        file.write(block("text"))
        csv.writer(file).writerows((a, b, 20 * gold) for a, b, gold in pairs(2, 1400))
    small = ["--set", "controls.matched=2", "--set", "statistics.resamples=100", "--set", "calibration.pairs=64"]
    small += ["--set", "scorers=[align]", "--set", "granularities=[head]", "--set", "sparsities=[0.1]"]
    for line in re.findall(r"^ablate .*$", PAGE, re.MULTILINE):
        words = shlex.split(line)[1:]
        # The page is about minilm, and the test about a tiny model.
        model = {
            "init": ["model"],
            "compare": ["--model", "model", "--data", "embedded", "--sparsities", "0.1,0.2"],
        }.get(words[0], [])
        ran = workplace(*words, *model, *(small if words[0] == "run" else ()))
        assert ran.code == 0, (line, ran.err)
        if words[0] == "init":
            assert ran.err.startswith("pairs.csv: sts, train 280, dev 421, test 701 rows\n")
        elif words[0] == "compare":
            assert "chosen on dev (dev); reported on test (test)" in " ".join(ran.out.split())
            # What the rest of the page is about.
            Path("recipe.yaml").write_text(block("yaml").replace("model: minilm", "model: model"))
        if words[0] == "data":
            assert "dev.csv: sts (guessed), 32 rows" in ran.out
            assert "columns: first = text_a, second = text_b, score = similarity" in ran.out
            assert "dev.csv and test.csv: 2 pairs of texts in both" in ran.out
        elif words[0] == "run":
            assert re.search(r"(held-out: test|test-pairs: pairs)\.csv \(sha256 ", ran.out)
    report = next(path for path in tmp_path.glob("*.html")).read_text()
    assert "mine: dev.csv (sha256 " in report
