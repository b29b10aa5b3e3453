"""The task of three texts in docs/plugins.md, from the page: its file, its module, its check and its recipe."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ablate.errors import DataError
from ablate.plugins import registry
from ablate.testing.samples import SampleSource
from tests.docs.test_docs import FENCE, ROOT
from tests.test_plugins import describe
from tests.workplace import Workplace

PAGE = (ROOT / "docs" / "plugins.md").read_text()
SECTION = re.split(r"^## ", PAGE, flags=re.MULTILINE)
(WORKED,) = (part for part in SECTION if part.startswith("A complete task of three texts"))
((_, LINES), (_, MODULE), (_, SHOWN), (_, RECIPE)) = FENCE.findall(WORKED)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Path(tmp_path, "ablate_negation.py").write_text(MODULE)
    Path(tmp_path, "negation.tsv").write_text(LINES)
    describe(tmp_path, "ablate-negation", "0.1.0", {"negation": "ablate_negation"})
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("ABLATE_DISABLE_PLUGINS", raising=False)
    registry.cache_clear()
    yield
    registry.cache_clear()
    sys.modules.pop("ablate_negation", None)


def test_it_is_checked_and_run_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workplace = Workplace(tmp_path, monkeypatch, capsys)
    bare, told, given = SHOWN.splitlines()
    assert workplace.refused(workplace(*bare.split()[2:])) == told.removeprefix("ablate: ")
    checked = workplace(*given.split()[2:])
    assert (checked.code, checked.out.count("\nfailed ")) == (0, 0), checked.out
    assert "task 'negation' of ablate-negation 0.1.0 keeps its contract" in checked.out
    small = ["--set", "statistics.resamples=100", "--set", "calibration={pairs: 8, sentences: 16, batch_size: 4}"]
    # The page is about minilm, and the test about a tiny model.
    ran = workplace.run(RECIPE.replace("minilm", "model"), "--data", "senteval:data", "--format", "json", *small)
    assert ran.code == 0, ran.err
    rows = [row for row in json.loads(ran.out) if row["task"] == "negation"]
    assert len(rows) > 1
    assert {(row["n"], row["metric"], row["unit"], row["status"]) for row in rows} == {(6, "margin", "points", "ok")}
    assert all(row["low"] is not None for row in rows if row["scorer"] == "align")


def test_its_margins_are_those_of_hand(tmp_path: Path) -> None:
    task = importlib.import_module("ablate_negation").Negation(file=tmp_path / "negation.tsv")
    data = task.load(SampleSource())
    assert (len(data), len(data.sentences), data.texts[0][2]) == (6, 18, "The cat is not asleep.")
    # Of the first item: at 0, 60 and 90 degrees, so 0.5 - 0. Of the others all texts are the same.
    embeddings = torch.ones(18, 2)
    embeddings[:3] = torch.tensor([[2.0, 0.0], [0.5, 0.75**0.5], [0.0, 3.0]])
    values = task.measure(data, embeddings)
    assert values == pytest.approx([50, 0, 0, 0, 0, 0], abs=1e-5)
    assert task.score(data, values, np.arange(6) < 2) == pytest.approx(25, abs=1e-5)


def test_a_line_of_two_texts_is_told_with_its_place(tmp_path: Path) -> None:
    (path := tmp_path / "negation.tsv").write_text("a\tb\tc\nd\te\n")
    task = importlib.import_module("ablate_negation").Negation(file=path)
    with pytest.raises(DataError, match=r"negation\.tsv:2: 2 tab-separated columns, expected 3"):
        task.load(SampleSource())
