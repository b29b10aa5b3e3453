"""Files that plug-ins write beside the card: all that they give, in the folder, and never at the cost of an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ablate.export.results import write_results
from ablate.plugins import Registry, WriterEntry, registry
from ablate.tasks.scored import Scored
from tests.report_rows import row


def written(tmp_path: Path, *writers: Callable[[str, Sequence[Scored]], Mapping[str, str]]) -> tuple[Path, list[str]]:
    known = registry()
    entries = [WriterEntry(writer, f"dist-{i} 1.0") for i, writer in enumerate(writers)]
    folder, told = tmp_path / "model", list[str]()
    folder.mkdir()
    (folder / "README.md").write_text("card")
    rows = [row(task="stsb", delta=-2.03), row(task="sts12", status="failed"), row(task="stsb@8", dim=8, delta=-1.0)]
    about: Any = SimpleNamespace(tasks=None)
    write_results("small", rows, about, Registry(known.entries, writers=entries), folder, told.append)
    return folder, told


def test_all_scores_of_whole_embeddings_are_given_and_all_files_written(tmp_path: Path) -> None:
    asked: list[Any] = []

    def table(model: str, scored: Sequence[Scored]) -> Mapping[str, str]:
        asked.append((model, [(one.task.name, one.score) for one in scored]))
        return {"results/a/scores.tsv": "stsb\t80.0\n", "top.txt": "ü"}

    folder, told = written(tmp_path, table)
    assert asked == [("small", [("stsb", pytest.approx(80.0))])]
    assert (folder / "results/a/scores.tsv").read_text() == "stsb\t80.0\n"
    assert (folder / "top.txt").read_text(encoding="utf-8") == "ü"
    assert told == []


@pytest.mark.parametrize("path", ["../out.txt", "README.md", "/tmp/out.txt"])
def test_a_file_elsewhere_or_in_place_of_another_is_refused(tmp_path: Path, path: str) -> None:
    folder, told = written(tmp_path, lambda *_: {path: "x"}, lambda *_: {"fine.txt": "y"})
    assert told == [
        f"plug-in dist-0 1.0 cannot write its results: PluginError: '{path}' is not in the folder, or is there already"
    ]
    assert sorted(file.name for file in folder.iterdir()) == ["README.md", "fine.txt"]
    assert (folder / "README.md").read_text() == "card"
    assert not (tmp_path / "out.txt").exists()


def test_a_writer_that_fails_is_told(tmp_path: Path) -> None:
    def fails(*_: object) -> Mapping[str, str]:
        raise OSError("no disk")

    _, told = written(tmp_path, fails)
    assert told == ["plug-in dist-0 1.0 cannot write its results: OSError: no disk"]
