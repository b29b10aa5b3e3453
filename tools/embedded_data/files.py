"""The generated data as files: tab-separated text, compressed with gzip."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from pathlib import Path

from tools.embedded_data.generate import Row, rows, texts

COLUMNS = ("left", "right", "gold", "subset")


def tables() -> dict[str, bytes]:
    """The name of each file without ``.tsv.gz`` -> its uncompressed UTF-8 text.

    The text is a header line and one line for each pair. ``gold`` is written with ``repr``, so that it is read back as
    the same float. A single text is a pair with itself, its class is the gold score, and its subset is empty.
    """
    return {
        "synthetic": _table(rows("test")),
        "synthetic-dev": _table(rows("dev")),
        "synthetic-train": _table(rows("train")),
        "synthetic-tense": _table(_single("test")),
        "synthetic-tense-train": _table(_single("train")),
    }


def write(folder: Path) -> dict[str, str]:
    """Writes every table to ``folder``, compressed. Returns the sha256 of each uncompressed text, by name.

    The compressed bytes hold no time and no file name. They may still differ between versions of zlib, which is why the
    hashes are those of the uncompressed texts.
    """
    digests = {}
    for name, content in tables().items():
        (folder / f"{name}.tsv.gz").write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def _single(split: str) -> list[Row]:
    return [(text, text, float(tense), "") for text, tense in texts(split)]


def _table(pairs: Iterable[Row]) -> bytes:
    lines = [COLUMNS, *((left, right, repr(float(gold)), subset) for left, right, gold, subset in pairs)]
    return "".join("\t".join(line) + "\n" for line in lines).encode()
