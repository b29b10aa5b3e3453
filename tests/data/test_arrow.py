"""Folders of datasets are read as tables, and each fault of one is said in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ablate.data.own import read_own
from ablate.data.tables import open_table
from ablate.errors import DataError

pyarrow = pytest.importorskip("pyarrow")

ROWS: dict[str, list[Any]] = {"text": ["a", "b", "c", "d"], "label": [0, 1, 1, 0]}


def saved(folder: Path, shards: int = 2) -> Path:
    """As ``Dataset.save_to_disk`` of datasets 5 writes it."""
    folder.mkdir(parents=True)
    table, files = pyarrow.table(ROWS), []
    for shard in range(shards):
        name = f"data-{shard:05d}-of-{shards:05d}.arrow"
        part = table.slice(shard * 4 // shards, 4 // shards)
        with pyarrow.ipc.new_stream(str(folder / name), table.schema) as stream:
            stream.write_table(part)
        files.append({"filename": name})
    (folder / "state.json").write_text(json.dumps({"_data_files": files, "_split": None}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


@pytest.mark.parametrize("shards", [1, 2])
def test_it_is_a_table(tmp_path: Path, shards: int) -> None:
    folder = saved(tmp_path / "mine" / "train", shards)
    table = open_table(folder)
    assert (table.names, table.count) == (("text", "label"), 4)
    assert [(line, list(cells)) for line, cells in table.rows()] == [
        (1, ["a", 0]),
        (2, ["b", 1]),
        (3, ["c", 1]),
        (4, ["d", 0]),
    ]
    assert table.place(2, 1) == f"{folder}:row 2"
    file = read_own(folder, "classification", {})
    assert file.items.texts == (("a",), ("b",), ("c",), ("d",))
    assert file.classes == ("0", "1")
    assert file.label == f"mine/train (sha256 {file.sha256[:12]})"
    assert read_own(folder, "classification", {}) is file


def test_it_is_what_datasets_saves(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict(ROWS)
    data.shuffle(seed=1).save_to_disk(tmp_path / "one", num_shards=2)
    datasets.DatasetDict(train=data, test=data).save_to_disk(tmp_path / "two")
    assert sorted(cells[0] for _, cells in open_table(tmp_path / "one").rows()) == ["a", "b", "c", "d"]
    assert read_own(tmp_path / "two" / "train", "classification", {}).items.gold.tolist() == [0, 1, 1, 0]
    with pytest.raises(DataError, match=r"two: a folder of several parts; name one of \S*/two/train, \S*/two/test"):
        open_table(tmp_path / "two")


def test_a_folder_with_a_fault(tmp_path: Path) -> None:
    folder = saved(tmp_path / "mine")
    file = folder / "data-00001-of-00002.arrow"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(DataError, match=r"mine: its data files are cut short \(.*\); write it again"):
        open_table(folder)
    file.unlink()
    with pytest.raises(DataError, match=r"data-00001-of-00002.arrow: is not there, and \S*state.json names it; copy"):
        open_table(folder)
    for content in ("{", '{"_data_files": 3}', "{}", '{"_data_files": [3]}'):
        (folder / "state.json").write_text(content)
        with pytest.raises(DataError, match=r"state.json: has no list '_data_files', as datasets writes it"):
            open_table(folder)
    (folder / "state.json").write_text('{"_data_files": []}')
    with pytest.raises(DataError, match=r"state.json: names no data files"):
        open_table(folder)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved(tmp_path / "mine")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(
        DataError, match=r"a folder of datasets needs pyarrow; `pip install 'ablate-embeddings\[report\]'`"
    ):
        open_table(folder)
