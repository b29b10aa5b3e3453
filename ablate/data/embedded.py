"""The embedded data set: English sentence pairs with a constructed gold similarity, shipped as compressed TSV.

``tools/embedded_data/`` generates the files, and a test compares the two.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from ablate.data.classes import ClassSet
from ablate.data.items import ItemSet
from ablate.errors import DataError, suggest

SHA256: Mapping[str, str] = MappingProxyType(
    {
        "synthetic": "060aec8eb719314e66e566206cd362a1ccdd7c50af51a6c76c457f2373520b00",
        "synthetic-dev": "8d0962785898e5f3c58ebf1b35d6bdbef396a2360763b7c658cce99b30c4790e",
        "synthetic-train": "37901ec214107a4ab7ca353149b35c4b4a105905f71fc3f6466b1cc090cadb34",
        "synthetic-tense": "f28aea1f07820e886799eb02fcad37cce09fd7dc4adb7a27c41d3bbc9f7c1b68",
        "synthetic-tense-train": "1bd554da85cc7570da38e51fdd1d3867a5dddf694486bbd089eaa1e3e7ca4c2b",
    }
)
"""File without ``.tsv.gz`` -> sha256 of its uncompressed bytes, as ``python -m tools.embedded_data`` prints it."""

FOLDER = files("ablate.data") / "embedded_files"

_SPLITS = {"synthetic": "test", "synthetic-dev": "dev", "synthetic-train": "train"}
_TENSES = "synthetic-tense"
_LABEL = "embedded (synthetic)"


class Embedded:
    """A :class:`~ablate.data.items.Source` of the embedded data sets, which are always available."""

    name = "embedded"
    label = _LABEL

    def groups(self) -> dict[str, tuple[str, ...]]:
        """``sts``, ``sts-dev``, ``sts-train`` and ``transfer``, with one set each."""
        pairs = {"sts": ("synthetic",), "sts-dev": ("synthetic-dev",), "sts-train": ("synthetic-train",)}
        return {**pairs, "transfer": (_TENSES,)}

    def names(self) -> tuple[str, ...]:
        return (*_SPLITS, _TENSES)

    def load(self, name: str) -> ItemSet:
        """The set of this name: 800 (test), 400 (dev) or 1500 (train) pairs; or 400 texts.

        The subsets of the pairs are the kinds of pair.

        Raises:
            DataError: there is no such set, or its file is absent or damaged.
        """
        if name == _TENSES:
            return _tenses()
        if name not in _SPLITS:
            raise DataError(f"the embedded data have no set '{name}': {suggest(name, self.names())}")
        return _items(name, name, _SPLITS[name], 2)


# Cached, because a run loads the same sets several times.
@cache
def _items(file: str, name: str, split: str, width: int) -> ItemSet:
    """Items of ``width`` texts: 2, or 1 for the first text of each line (every line has two)."""
    _, *lines = _read(file).decode().splitlines()
    cells = [line.split("\t") for line in lines]
    rows = [(tuple(texts[:width]), float(gold), subset) for *texts, gold, subset in cells]
    return ItemSet.from_rows(name, split, _LABEL, rows)


@cache
def _tenses() -> ClassSet:
    test, train = _items(_TENSES, _TENSES, "test", 1), _items(f"{_TENSES}-train", _TENSES, "train", 1)
    return ClassSet(_TENSES, "test", _LABEL, test.texts, test.gold, test.subsets, train=train)


def _read(file: str) -> bytes:
    """The uncompressed bytes of a file of :data:`SHA256`.

    Raises:
        DataError: the file is absent, or is not the one that ablate ships.
    """
    place = FOLDER / f"{file}.tsv.gz"
    try:
        content = gzip.decompress(place.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{place}: cannot be read ({error}); reinstall ablate") from error
    if hashlib.sha256(content).hexdigest() != SHA256[file]:
        raise DataError(f"{place}: not the file that ablate ships (its sha256 differs); reinstall ablate")
    return content
