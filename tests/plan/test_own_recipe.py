"""How `ablate init --data` divides a file, and whether the file calibrates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ablate.data.shares import groups_of
from ablate.errors import DataError
from ablate.plan.own_recipe import divided
from ablate.tasks.own import own_task


def written(path: Path, count: int, split: Callable[[int], str] | None = None) -> Path:
    """Pairs, every second of which is a positive."""
    lines = ["text1,text2,label" + (",split" if split else "")]
    lines += [f"one {i},other {i},{i % 2}" + (f",{split(i)}" if split else "") for i in range(count)]
    path.write_text("\n".join(lines))
    return path


def test_shares(tmp_path: Path) -> None:
    found = divided(written(tmp_path / "faq.csv", 800), "--data")
    assert {split: found.of(split) for split in ("train", "dev", "test")} == {
        "train": ["train-faq"],
        "dev": ["dev-faq"],
        "test": ["test-faq"],
    }
    assert {str(entry.parameters["part"]) for entry in found.entries} == {
        "{'shares': {'train': 0.2, 'dev': 0.3, 'test': 0.5}, 'seed': 0}"
    }
    assert found.said[0].endswith("faq.csv: pairs, train 160, dev 240, test 400 rows")
    assert len(found.said) == 1
    sides = [own_task("own", entry.parameters)(**entry.parameters).items() for entry in found.entries]
    assert [len(groups_of(side)) for side in sides] == [160, 240, 400]


def test_too_few_positives_leave_calibration_to_the_source(tmp_path: Path) -> None:
    found = divided(written(tmp_path / "faq.csv", 100), "--data")
    assert (found.of("train"), found.of("dev"), found.of("test")) == ([], ["dev-faq"], ["test-faq"])
    assert found.entries[0].parameters["part"] == {"shares": {"dev": 0.4, "test": 0.6}, "seed": 0}
    assert found.said[0].endswith("pairs, dev 40, test 60 rows")
    assert "the 64 that calibration needs; the calibration set is drawn from sts-train" in found.said[1]


def test_a_column_of_splits(tmp_path: Path) -> None:
    path = written(tmp_path / "faq.csv", 400, lambda i: ("train", "Val", "test", "train")[i // 2 % 4])
    found = divided(path, "--data")
    assert [entry.name for entry in found.entries] == ["train-faq", "dev-faq", "test-faq"]
    assert found.said[0].endswith("pairs, train 200, dev 100, test 100 rows")
    path = written(tmp_path / "faq.csv", 400, lambda i: ("train", "test")[i // 2 % 2])
    with pytest.raises(DataError, match=r"^--data: .*faq\.csv: no row is in 'dev' by column 'split' \(train 200, test"):
        divided(path, "--data")
    path = written(tmp_path / "faq.csv", 40, lambda i: ("dev", "test")[i // 2 % 2])
    assert [entry.name for entry in divided(path, "--data").entries] == ["dev-faq", "test-faq"]


def test_what_cannot_be_divided(tmp_path: Path) -> None:
    path = tmp_path / "hub.csv"
    path.write_text("query,passage,label\n" + "".join(f"same,text {i},{i % 2}\n" for i in range(50)))
    with pytest.raises(DataError, match=r"^--data: .*hub\.csv: 50 of 50 rows hang together"):
        divided(path, "--data")
