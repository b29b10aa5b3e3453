"""Classification of own files is that of the transfer tasks and of MTEB, and what cannot be fitted is refused."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from ablate.data import classes
from ablate.data.classes import ClassSet
from ablate.data.embedded import Embedded
from ablate.errors import DataError, Undefined
from ablate.tasks.mteb_classifier import share_right
from ablate.tasks.own import OwnTask, own_task
from ablate.tasks.solver import Examples
from ablate.tasks.transfer import TRANSFER_TASKS
from ablate.testing import check_task

TRANSFER = {task.name: task for task in TRANSFER_TASKS}
NAMES = ("no", "yes", "perhaps")


def written(
    folder: Path, name: str, rows: Iterable[tuple[str, ...]], header: tuple[str, ...] = ("text", "label")
) -> Path:
    path = folder / name
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def texts(start: int, count: int, classes: int = 3) -> list[tuple[str, str]]:
    return [(f"text {i}{' and more' * (i * 7 % 5)}", NAMES[i % classes]) for i in range(start, start + count)]


def made(file: Path, **given: Any) -> OwnTask:
    parameters = {"kind": "classification", "file": str(file), **given}
    return own_task("mine", parameters)(**parameters)


def set_of(task: OwnTask) -> ClassSet:
    data = task.load(Embedded())
    assert isinstance(data, ClassSet)
    return data


def embedded(data: ClassSet) -> torch.Tensor:
    """Embeddings that have something of the classes."""
    labels = {
        text: gold for part in (data, *data.parts) for (text, *_), gold in zip(part.texts, part.gold, strict=True)
    }
    noise = torch.randn(len(data.sentences), 5, generator=torch.manual_seed(0))
    return noise + torch.tensor([labels.get(text, 0.0) for text in data.sentences])[:, None].float()


@pytest.mark.parametrize("protocol", ["prototyping", "full", "mteb"])
def test_it_keeps_the_contract(tmp_path: Path, protocol: str) -> None:
    given: dict[str, Any] = {"kind": "classification", "file": str(written(tmp_path, "a.csv", texts(0, 40)))}
    given |= {"train": str(written(tmp_path, "b.csv", texts(50, 60))), "protocol": protocol}
    check_task(own_task("mine", given), **given)


def test_classes_have_the_numbers_of_their_names_in_all_files(tmp_path: Path) -> None:
    train = written(tmp_path, "train.csv", texts(0, 60))
    file = written(tmp_path, "test.csv", [("x", "perhaps"), ("y", "no")])
    data = set_of(made(file, train=train, split="test"))
    assert data.train is not None
    assert data.gold.tolist() == [1, 0]
    assert data.train.gold[:3].tolist() == [0, 2, 1]
    assert (data.name, data.split, data.train.name) == ("mine", "test", "mine-train")
    numbers = written(tmp_path, "n.csv", [(f"t {i}", str(12 - i % 3)) for i in range(30)])
    assert set_of(made(numbers)).gold[:3].tolist() == [2, 1, 0]


@pytest.mark.parametrize("protocol", ["prototyping", "full"])
@pytest.mark.parametrize("parts", [(), ("train",), ("train", "dev")])
def test_it_is_the_transfer_task_on_the_same_items(tmp_path: Path, protocol: str, parts: tuple[str, ...]) -> None:
    files = {
        name: written(tmp_path, f"{name}.csv", texts(100 * i, 45)) for i, name in enumerate(("file", "train", "dev"))
    }
    task = made(files["file"], protocol=protocol, **{part: files[part] for part in parts})
    data = set_of(task)
    assert [part.name for part in data.parts] == [f"mine-{part}" for part in parts]
    embeddings = embedded(data)
    values = task.measure(data, embeddings)
    assert values.tolist() == TRANSFER["cr"](protocol=protocol).measure(data, embeddings).tolist()
    assert 0.3 < values.mean() < 1


def test_two_texts_have_the_features_of_pairs(tmp_path: Path) -> None:
    rows = [(f"a {i}", f"b {i * 3 % 20}", str(i % 2)) for i in range(40)]
    task = made(written(tmp_path, "p.csv", rows, ("sentence1", "sentence2", "label")))
    data = set_of(task)
    assert data.texts[1] == ("a 1", "b 3")
    embeddings = torch.randn(len(data.sentences), 5, generator=torch.manual_seed(0))
    assert task.measure(data, embeddings).tolist() == TRANSFER["mrpc"]().measure(data, embeddings).tolist()


def test_protocol_mteb(tmp_path: Path) -> None:
    train, file = (written(tmp_path, f"{i}.csv", texts(i, 60 + i)) for i in (0, 100))
    task = made(file, train=train, protocol="mteb")
    data = set_of(task)
    embeddings = embedded(data)
    assert data.train is not None
    at = {text: embeddings[i].numpy() for i, text in enumerate(data.sentences)}
    fitted, judged = (
        Examples(np.stack([at[text] for (text,) in part.texts]), part.gold.astype(np.int64))
        for part in (data.train, data)
    )
    values = task.measure(data, embeddings)
    assert values.tolist() == share_right(fitted, judged, 10, 8, 42).tolist()
    few = made(file, train=train, protocol="mteb", experiments=3, per_class=2, seed=1)
    assert few.measure(data, embeddings).tolist() == share_right(fitted, judged, 3, 2, 1).tolist()
    assert few.identity() != task.identity()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"protocol": "mteb"}, "protocol: mteb fits on a few texts of a file; give train"),
        ({"dev": "d.csv"}, "dev chooses the regularization"),
        ({"train": "d.csv", "protocol": "mteb", "solver": "sklearn"}, "leave solver out"),
        ({"seed": 3}, "solver sklearn uses no seed"),
        ({"per_class": 3}, "are of protocol: mteb"),
        ({"columns": {"text": "a", "first": "b"}}, "name text, or first and second for pairs, and not both"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(tmp_path: Path, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        made(tmp_path / "a.csv", **given)


def test_classes_that_cannot_be_fitted_are_refused(tmp_path: Path) -> None:
    train = written(tmp_path, "train.csv", texts(0, 60, 2))
    with pytest.raises(DataError, match=r"test.csv: no text of .*train.csv, which is fitted on, is of class 'perhaps'"):
        set_of(made(written(tmp_path, "test.csv", texts(0, 9)), train=train))
    rows = [*texts(0, 30, 2), ("one", "perhaps")]
    with pytest.raises(
        DataError, match=r"class 'perhaps' has 1 texts, and 5 folds need 7 of each class; .* give train"
    ):
        set_of(made(written(tmp_path, "one.csv", rows)))
    with pytest.raises(DataError, match=r"train2.csv: class 'perhaps' has 1 texts, and 5 folds need 5 of each class"):
        set_of(made(train, train=written(tmp_path, "train2.csv", rows)))
    assert set_of(made(train, train=tmp_path / "train2.csv", protocol="mteb")).train
    with pytest.raises(DataError, match="train of task 'mine' has the same rows as"):
        set_of(made(train, train=train))


@pytest.mark.parametrize("folds", [5, 10])
def test_as_many_texts_as_folds_need_can_be_fitted(tmp_path: Path, folds: int) -> None:
    protocol, needed = ("prototyping", 7) if folds == 5 else ("full", 12)
    rows = [(f"text {i}", NAMES[int(i < needed)]) for i in range(4 * needed)]
    task = made(written(tmp_path, "a.csv", rows), protocol=protocol, solver="sklearn")
    data = set_of(task)
    assert task.measure(data, embedded(data)).shape == (4 * needed,)
    with pytest.raises(DataError, match=f"has {needed - 1} texts, and {folds} folds need {needed} of each class"):
        set_of(made(written(tmp_path, "b.csv", rows[1:]), protocol=protocol, solver="sklearn"))


def test_a_record_has_all_files_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    train, file = (written(tmp_path, f"{i}.csv", texts(i, 60)) for i in (0, 100))
    task = made(file, train=train)
    resolved = task.resolved()
    assert resolved["train"] == str(train)
    again = own_task("mine", resolved)(**resolved)
    assert again.identity() == task.identity()
    assert again.load(Embedded()).hash == task.load(Embedded()).hash
    written(tmp_path, "0.csv", texts(5, 60))
    with pytest.raises(DataError, match=r"0.csv: has changed: .* restore the file, or leave out train_sha256"):
        again.load(Embedded())


def test_embeddings_that_are_not_finite_have_no_score(tmp_path: Path) -> None:
    task = made(written(tmp_path, "a.csv", texts(0, 60)))
    data = set_of(task)
    with pytest.raises(Undefined, match="not finite"):
        task.measure(data, torch.full((len(data.sentences), 2), torch.nan))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trec", "mrpc"])
def test_files_of_the_real_sets_are_the_transfer_tasks(tmp_path: Path, name: str) -> None:
    """The same protocol on the same embeddings, from files that a user would have."""
    folder = Path(os.environ.get("ABLATE_DATA", ""))
    if not (folder / "TREC").is_dir():
        pytest.skip("needs ABLATE_DATA")
    theirs = classes.load(folder, name, "senteval")
    assert theirs.train is not None
    header = ("text", "label") if name == "trec" else ("sentence1", "sentence2", "label")
    paths = {}
    for part, items in (("test", theirs), ("train", theirs.train)):
        labels = [classes.TREC_CLASSES[int(g)] if name == "trec" else str(int(g)) for g in items.gold]
        rows = [(*of_item, label) for of_item, label in zip(items.texts, labels, strict=True)]
        paths[part] = written(tmp_path, f"{part}.csv", rows, header)
    task = made(paths["test"], train=paths["train"], split="test")
    data = set_of(task)
    assert data.texts == theirs.texts
    assert data.sentences == theirs.sentences
    assert data.hash == theirs.hash
    embeddings = torch.randn(len(data.sentences), 64, generator=torch.manual_seed(0))
    values = task.measure(data, embeddings)
    assert values.tolist() == TRANSFER[name]().measure(theirs, embeddings).tolist()


@pytest.mark.parametrize("protocol", ["prototyping", "mteb"])
def test_one_file_with_a_column_of_splits_is_as_two_files(tmp_path: Path, protocol: str) -> None:
    train, held = texts(0, 60), texts(60, 30)
    whole = written(
        tmp_path,
        "whole.csv",
        [*((*row, "train") for row in train), *((*row, "test") for row in held)],
        ("text", "label", "fold"),
    )
    apart = made(
        written(tmp_path, "held.csv", held),
        train=str(written(tmp_path, "fit.csv", train)),
        protocol=protocol,
        split="test",
    )
    part = made(whole, part={"column": "fold"}, protocol=protocol, split="test")
    assert set_of(part).hash == set_of(apart).hash
    embeddings = embedded(set_of(apart))
    np.testing.assert_array_equal(part.measure(set_of(part), embeddings), apart.measure(set_of(apart), embeddings))


def test_rows_of_a_split_alone_are_cross_validated(tmp_path: Path) -> None:
    path = written(tmp_path, "whole.csv", texts(0, 120))
    shares = {"shares": {"dev": 0.5, "test": 0.5}}
    dev, test = (made(path, part=shares, split=split) for split in ("dev", "test"))
    assert set_of(dev).train is None
    assert set(set_of(dev).texts).isdisjoint(set_of(test).texts)
    with pytest.raises(DataError, match="no row is of train, on which protocol: mteb fits"):
        made(path, part=shares, protocol="mteb").load(Embedded())
