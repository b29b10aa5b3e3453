"""The Hub cache, with the network replaced."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest

from ablate.data.cache import cache_folder
from ablate.data.hub import HUB, HubCache, fetch
from ablate.errors import DataError

ROWS: dict[str, list[Any]] = {
    "sentence1": ["A man.", "Ein Bär\u2028lacht"],
    "sentence2": ["A  person.", "No"],
    "score": [4.2, 0],
}


class FakeHub:
    """Stands for ``datasets.load_dataset``: gives its rows, or raises its error, and keeps what was asked."""

    def __init__(self) -> None:
        self.rows = ROWS
        self.asked: list[tuple[str, str, str]] = []
        self.error: Exception | None = None

    def __call__(self, repo: str, revision: str, split: str) -> datasets.Dataset:
        self.asked.append((repo, revision, split))
        if self.error:
            raise self.error
        return datasets.Dataset.from_dict(self.rows)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub()
    monkeypatch.setattr(datasets, "load_dataset", fake)
    return fake


def test_fetched_pairs_come_back(tmp_path: Path, hub: FakeHub) -> None:
    said: list[str] = []
    folder = tmp_path / "deep" / "hub"
    paths = fetch(["stsb-dev", "sts12", "sts12"], folder, said.append)
    assert paths == [folder / "stsb-dev.jsonl", folder / "sts12.jsonl"]
    assert hub.asked == [
        ("mteb/stsbenchmark-sts", "b0fddb56ed78048fa8b90373c8a3cfc37b684831", "validation"),
        ("mteb/sts12-sts", "a0d554a64d88156834ff5ae9920b964011b16384", "test"),
    ]
    assert said == [
        f"stsb-dev: 2 pairs of mteb/stsbenchmark-sts written to {paths[0]}",
        f"sts12: 2 pairs of mteb/sts12-sts written to {paths[1]}",
    ]
    cache = HubCache(folder)
    assert cache.names() == ("sts12", "stsb-dev")
    pairs = cache.load("stsb-dev")
    assert pairs.left == ("A man.", "Ein Bär\u2028lacht")
    assert pairs.right == ("A  person.", "No")
    assert pairs.gold.tolist() == [4.2, 0]
    assert (pairs.name, pairs.split, pairs.source) == ("stsb-dev", "dev", "hub")
    assert sorted(os.listdir(folder)) == ["sts12.jsonl", "stsb-dev.jsonl"]
    header = json.loads(paths[0].read_text().split("\n")[0])
    assert header == {**HUB["stsb-dev"]._asdict(), "count": 2, "hash": pairs.hash}


def test_what_is_whole_is_not_fetched_again(tmp_path: Path, hub: FakeHub) -> None:
    (path,) = fetch(["sts12"], tmp_path, print)
    said: list[str] = []
    assert fetch(["sts12"], tmp_path, said.append) == [path]
    assert len(hub.asked) == 1
    assert said == [f"sts12: 2 pairs already in {path}"]
    path.write_text(path.read_text()[:-5])
    fetch(["sts12"], tmp_path, print)
    assert len(hub.asked) == 2
    assert len(HubCache(tmp_path).load("sts12")) == 2


def damaged(text: str) -> dict[str, str]:
    first, second, third = text.split("\n")[:-1]
    other = first.replace(HUB["sts12"].revision, "0" * 40)
    return {
        "cut mid-line": text[:-5],
        "cut at a line": f"{first}\n{second}\n",
        "edited": text.replace("4.2", "4.3"),
        "swapped": f"{first}\n{third}\n{second}\n",
        "header only": f"{first}\n",
        "no header": f"{second}\n{third}\n",
        "empty": "",
        "no number": text.replace("4.2", "NaN"),
        "another revision": f"{other}\n{second}\n{third}\n",
    }


@pytest.mark.parametrize("how", list(damaged("a\nb\nc\n")))
def test_damaged_file_is_refused(tmp_path: Path, hub: FakeHub, how: str) -> None:
    (path,) = fetch(["sts12"], tmp_path, print)
    path.write_text(damaged(path.read_text())[how])
    with pytest.raises(DataError) as caught:
        HubCache(tmp_path).load("sts12")
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("run `ablate data fetch sts12`")
    assert hub.asked  # the file came from the fake, not from a real cache


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach\nthe Hub"),
        OSError(),
        ValueError("Unknown split"),
        datasets.exceptions.DatasetNotFoundError("gone"),
        datasets.exceptions.DatasetGenerationError("broken"),
    ],
)
def test_network_failure_is_one_line_and_keeps_the_rest(tmp_path: Path, hub: FakeHub, error: Exception) -> None:
    fetch(["sts13"], tmp_path, print)
    hub.error = error
    with pytest.raises(DataError) as caught:
        fetch(["sts13", "sts12"], tmp_path, print)
    assert "cannot fetch 'sts12' (mteb/sts12-sts)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert HubCache(tmp_path).names() == ("sts13",)


@pytest.mark.parametrize(
    "rows",
    [
        {**ROWS, "score": [1.0, None]},
        {**ROWS, "score": [1.0, 7.0]},
        {**ROWS, "sentence1": ["a", " "]},
        {"sentence1": [], "sentence2": [], "score": []},
        {"sentence1": ["a"], "score": [1.0]},
    ],
)
def test_unexpected_content_writes_nothing(tmp_path: Path, hub: FakeHub, rows: dict[str, list[Any]]) -> None:
    hub.rows = rows
    with pytest.raises(DataError, match=r"'sts12' .* is not as expected"):
        fetch(["sts12"], tmp_path, print)
    assert os.listdir(tmp_path) == []


def test_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'ablate-embeddings\[hub\]'"):
        fetch(["sts12"], tmp_path, print)


def test_unwritable_folder(tmp_path: Path, hub: FakeHub) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot be written .* set ABLATE_CACHE"):
        fetch(["sts12"], tmp_path / "file", print)
    assert len(hub.asked) == 1


def test_not_cached_and_not_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'sts12' has not been fetched .* `ablate data fetch sts12`"):
        HubCache(tmp_path).load("sts12")
    with pytest.raises(DataError, match="no data set 'sickr-dev' for ablate; did you mean 'sickr'"):
        fetch(["sickr-dev"], tmp_path, print)


def test_cache_folder_order() -> None:
    environ = {"ABLATE_CACHE": "/a", "XDG_CACHE_HOME": "/x", "HOME": "/h"}
    assert cache_folder(environ) == Path("/a/hub")
    del environ["ABLATE_CACHE"]
    assert cache_folder(environ) == Path("/x/ablate/hub")
    environ["XDG_CACHE_HOME"] = ""
    assert cache_folder(environ) == Path("/h/.cache/ablate/hub")
