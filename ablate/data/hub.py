"""Sentence pairs from the Hugging Face Hub, at the revisions that MTEB pins, through a cache on the disk."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ablate.data.items import ItemSet
from ablate.data.names import GROUPS, split_of
from ablate.distribution import pip_install
from ablate.errors import DataError, suggest


class HubSet(NamedTuple):
    """The place of a data set on the Hub. ``split`` is the Hub's name (``validation``), not ours (``dev``)."""

    repo: str
    revision: str
    split: str


_STSB = "mteb/stsbenchmark-sts", "b0fddb56ed78048fa8b90373c8a3cfc37b684831"

HUB: Mapping[str, HubSet] = MappingProxyType(
    {
        "sts12": HubSet("mteb/sts12-sts", "a0d554a64d88156834ff5ae9920b964011b16384", "test"),
        "sts13": HubSet("mteb/sts13-sts", "7e90230a92c190f1bf69ae9002b8cea547a64cca", "test"),
        "sts14": HubSet("mteb/sts14-sts", "6031580fec1f6af667f0bd2da0a551cf4f0b2375", "test"),
        "sts15": HubSet("mteb/sts15-sts", "ae752c7c21bf194d8b67fd573edf7ae58183cbe3", "test"),
        "sts16": HubSet("mteb/sts16-sts", "4d8694f8f0e0100860b497b999b3dbed754a0513", "test"),
        "stsb": HubSet(*_STSB, "test"),
        "stsb-dev": HubSet(*_STSB, "validation"),
        "stsb-train": HubSet(*_STSB, "train"),
        # MTEB's test split is all of SICK, 9,927 pairs, so the Hub has no sickr-dev or sickr-train.
        "sickr": HubSet("mteb/sickr-sts", "20a6d6f312dd54037fe07a32d58e5e168867909d", "test"),
    }
)
"""Data set -> its place on the Hub."""


class HubCache:
    """A :class:`~ablate.data.items.Source` that reads what :func:`fetch` wrote. It never uses the network.

    Sentences are as on the Hub (cased, unlike SentEval's), and each data set is a single subset.

    Args:
        folder: from :func:`~ablate.data.cache.cache_folder`; it need not exist.
    """

    name = "hub"
    label = "hub"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> tuple[str, ...]:
        """The data sets that are cached. Only :meth:`load` checks that their files are complete."""
        return tuple(name for name in HUB if self.path(name).is_file())

    def groups(self) -> dict[str, tuple[str, ...]]:
        return dict(GROUPS)

    def path(self, name: str) -> Path:
        """The file of a data set: JSON lines, first a header, then ``[left, right, gold]`` of each pair."""
        return self.folder / f"{name}.jsonl"

    def load(self, name: str) -> ItemSet:
        """Reads a cached data set, and checks that it is what was fetched.

        Raises:
            DataError: the Hub has no such data set, or the file is absent, of another revision, cut short or edited.
        """
        place, remedy = _hub_set(name), f"run `ablate data fetch {name}`"
        path = self.path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise DataError(f"{path}: '{name}' has not been fetched from the Hub; {remedy}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read ({error}); delete it and {remedy}") from error
        try:
            # The last element is what follows the last line end: nothing, or a line that was cut short.
            header, *rows = (json.loads(line) for line in text.split("\n")[:-1])
            pairs = _pair_set(name, rows)
            fetched = HubSet(header["repo"], header["revision"], header["split"])
            intact = header["count"] == len(pairs) and header["hash"] == pairs.hash
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path}: cut short or edited; {remedy}") from error
        if fetched != place:
            raise DataError(
                f"{path}: has {fetched.repo} at {fetched.revision}, which is not the pinned revision; {remedy}"
            )
        if not intact:
            raise DataError(f"{path}: cut short or edited: its pairs are not those that were fetched; {remedy}")
        return pairs


def fetch(names: Iterable[str], folder: Path, on_progress: Callable[[str], None]) -> list[Path]:
    """Fills the cache from the Hub. Data sets that are already there and intact are not fetched again.

    Args:
        names: data sets of :data:`HUB`.
        folder: from :func:`~ablate.data.cache.cache_folder`; created if it does not exist.
        on_progress: called with one line of text after each data set.

    Returns:
        The file of each name. A file is written completely or not at all; files written before a failure stay.

    Raises:
        DataError: a name is unknown, the extra ``hub`` is not installed, there is no network, or the content is not as
            expected.
    """
    cache, paths = HubCache(folder), []
    for name in dict.fromkeys(names):
        place, path = _hub_set(name), cache.path(name)
        paths.append(path)
        try:
            on_progress(f"{name}: {len(cache.load(name))} pairs already in {path}")
            continue
        except DataError:  # absent, damaged, or of another revision
            pairs = _download(name, place)
        header = {**place._asdict(), "count": len(pairs), "hash": pairs.hash}
        rows = zip(pairs.left, pairs.right, pairs.gold.tolist(), strict=True)
        _write(path, "".join(json.dumps(line) + "\n" for line in (header, *rows)))
        on_progress(f"{name}: {len(pairs)} pairs of {place.repo} written to {path}")
    return paths


def _hub_set(name: str) -> HubSet:
    if name not in HUB:
        raise DataError(f"the Hub has no data set '{name}' for ablate; {suggest(name, HUB)}")
    return HUB[name]


def _pair_set(name: str, rows: list[Any]) -> ItemSet:
    """The pairs of ``[left, right, gold]`` rows. Raises ValueError or TypeError if one is malformed."""
    left, right, gold = zip(*rows, strict=True)
    scores = np.array(gold, dtype=np.float64)
    if not all(isinstance(text, str) and text.strip() for text in (*left, *right)):
        raise ValueError("a sentence is empty or is not a text")
    if not ((scores >= 0) & (scores <= 5)).all():
        raise ValueError("a score is missing or outside 0 to 5")
    texts = tuple(zip(left, right, strict=True))
    return ItemSet(name, split_of(name), HubCache.label, texts, scores, (name,) * len(rows))


def _download(name: str, place: HubSet) -> ItemSet:
    try:
        import datasets
    except ImportError as error:
        raise DataError(f"fetching needs the package 'datasets'; run `{pip_install('hub')}`") from error
    try:
        loaded = datasets.load_dataset(place.repo, revision=place.revision, split=place.split)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        what = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(
            f"cannot fetch '{name}' ({place.repo}) from the Hub: {what}; check the network and try again"
        ) from error
    try:
        columns = (loaded["sentence1"], loaded["sentence2"], loaded["score"])
        return _pair_set(name, [list(row) for row in zip(*columns, strict=True)])
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"'{name}' ({place.repo} at {place.revision}) is not as expected: {error}; "
            "clear the cache of 'datasets' and try again"
        ) from error


def _write(path: Path, text: str) -> None:
    """Writes under a temporary name and renames, so that a killed process never leaves half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as scratch:
            temporary = Path(scratch) / path.name
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                # Without this, a power cut after the rename could leave an empty file under the final name.
                os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); set ABLATE_CACHE elsewhere") from error
