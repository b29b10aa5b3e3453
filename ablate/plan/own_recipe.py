"""What a recipe says of one file of the user: how it is divided, and whether it has enough pairs to calibrate on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.arguments import argument
from ablate.data.beir import is_beir
from ablate.data.calibration import POSITIVE_ABOVE, CalibrationSpec
from ablate.errors import DataError
from ablate.recipe.own_options import OwnEntry, OwnFiles, entries, name_of, taken_for
from ablate.tasks.own import OwnTask, own_task

WITH_TRAIN: Mapping[str, float] = {"train": 0.2, "dev": 0.3, "test": 0.5}
WITHOUT: Mapping[str, float] = {"dev": 0.4, "test": 0.6}
"""The shares of a file that has too few positives to calibrate on."""


@dataclass(frozen=True)
class OwnRecipe:
    """The tasks of a recipe on own files. said: lines about them for the user."""

    entries: Sequence[OwnEntry]
    said: Sequence[str]

    def of(self, split: str) -> list[str]:
        """The names of the tasks of a split."""
        return [entry.name for entry in self.entries if entry.parameters["split"] == split]


def divided(path: Path, option: str) -> OwnRecipe:
    """One file as train, dev and test: by its column of splits, or else in shares.

    Without as many positives in train as a batch of the calibration has, there is no task of train, and calibration
    stays that of the source.

    Raises:
        DataError: the file is malformed, has rows of no dev or no test split, or cannot be divided.
    """
    if is_beir(path):  # its qrels divide it
        return given(path, path)
    taken = taken_for(path, option, "train")
    try:
        if "part" in taken:
            train = _positives(taken) if _sizes(taken, ("dev", "test"))["train"] else 0
        else:
            taken["part"] = {"shares": dict(WITH_TRAIN), "seed": 0}
            train = _positives(taken)
        need = CalibrationSpec().batch_size
        if train < need and "shares" in taken["part"]:
            taken["part"] = {"shares": dict(WITHOUT), "seed": 0}
        sizes = _sizes(taken, ("dev", "test"))
        splits = ("train", "dev", "test") if train >= need else ("dev", "test")
        found = [OwnEntry(name_of(split, path), option, {**taken, "split": split}) for split in splits]
        for entry in found:
            _task(entry.parameters).items()
    except DataError as error:
        raise DataError(f"{option}: {error}") from None
    said = [f"{path}: {taken['kind']}, {', '.join(f'{name} {count:,}' for name, count in sizes.items() if count)} rows"]
    if train < need:
        said.append(
            f"{path}: train has {train} positive pairs, fewer than the {need} that calibration needs; the calibration "
            "set is drawn from sts-train"
        )
    return OwnRecipe(found, said)


def given(dev: Path | None, test: Path | None) -> OwnRecipe:
    """The files of ``dev`` and ``test``.

    Raises:
        DataError: a file is malformed.
    """
    found, hashes = entries(OwnFiles(dev, test)), set[str]()
    for entry in found:
        try:
            hashes.add(_task(entry.parameters).items().hash)
        except DataError as error:
            raise DataError(f"{entry.argument}: {error}") from None
    if len(hashes) < len(found):
        chose, reports = argument("dev", dev), argument("test", test)
        raise DataError(f"{reports}: has the items of {chose}; what chooses must not report, so give others")
    return OwnRecipe(found, [f"{entry.parameters['file']}: {entry.parameters['kind']}" for entry in found])


def _task(parameters: Mapping[str, Any]) -> OwnTask:
    return own_task("own", parameters)(**parameters)


def _sizes(parameters: Mapping[str, Any], needed: Sequence[str]) -> dict[str, int]:
    """How many rows each part has.

    Raises:
        DataError: a part that is needed has none.
    """
    sizes: dict[str, int] = _task(parameters).resolved()["part"]["rows"]
    if missing := [split for split in needed if not sizes[split]]:
        there = ", ".join(f"{name} {count:,}" for name, count in sizes.items() if count)
        raise DataError(
            f"{parameters['file']}: no row is in '{missing[0]}' by column '{parameters['part']['column']}' ({there}); "
            f"add some, or give one file with {argument('dev')} and another with {argument('test')}"
        )
    return sizes


def _positives(parameters: Mapping[str, Any]) -> int:
    """How many different positive pairs the train part has."""
    task = _task(parameters)
    items = task.pairs_of(task.items())
    both = zip(items.texts, items.gold.tolist(), strict=True)
    return len({texts for texts, gold in both if len(texts) == 2 and gold > POSITIVE_ABOVE})
