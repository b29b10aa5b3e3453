"""Stores and exported folders as JSON, masked; a store is read as SQLite has it, with nothing of ablate."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tools.golden_compare import mask, mask_text


def write_json(path: Path, content: Any, *, sort: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=sort, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_of(folder: Path) -> dict[str, str]:
    """Each file's sha256."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()) for path in found}


def read_export(path: Path, kept: Path) -> None:
    """An exported folder: every file's sha256, but for three.

    README.md and ablate.json name the run, the versions and the seconds of rows: their text is kept, these masked.
    The ONNX file quotes the lines of source that it was traced from: its operations and weights are kept.
    """
    hashes: dict[str, Any] = files_of(path)
    for name in ("README.md", "ablate.json"):
        del hashes[name]
    for name in [name for name in hashes if name.endswith(".onnx")]:
        hashes[name] = list(onnx_content(path / name))
    write_json(kept / "sha256.json", hashes)
    write_json(kept / "ablate.json", mask(json.loads((path / "ablate.json").read_text(encoding="utf-8"))), sort=False)
    (kept / "README.md").write_text(mask_text((path / "README.md").read_text(encoding="utf-8")), encoding="utf-8")


def onnx_content(path: Path) -> Iterator[str]:
    import onnx

    graph = onnx.load(str(path)).graph
    yield from (f"{node.op_type} {len(node.input)} {len(node.output)}" for node in graph.node)
    yield from sorted(f"{one.data_type} {list(one.dims)} {sha256(one.raw_data)}" for one in graph.initializer)


def read_store(path: Path, before: int = 0) -> dict[str, Any]:
    """Every table of a store: by key, or in the order of its rows; and the sha256 of the files beside it.

    Args:
        before: leaves out so many runs, and counts the others from 1.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        tables = {name: list(map(dict, database.execute(f"SELECT * FROM {name} ORDER BY 1, 2"))) for name in names}
    numbers = {row["id"]: row["number"] - before for row in tables["ablate_runs"]}
    found: dict[str, Any] = {"files": files_of(path.with_name(f"{path.name}.files"))}
    for name, rows in tables.items():
        of_run = [row for row in rows if numbers.get(row.get("run", row.get("id")), 1) > 0]
        content = [{column: _value(column, value, numbers) for column, value in row.items()} for row in of_run]
        keyed = all("key" in row for row in content)
        found[name] = {row.pop("key"): row for row in content} if keyed else content
    return found


def _value(column: str, value: Any, numbers: dict[str, int]) -> Any:
    if column in ("started", "chosen", "finished", "at"):
        return None if value is None else "<time>"
    if column == "number":
        return "<number>"
    if column in ("id", "run"):
        return numbers[value]
    if isinstance(value, bytes):
        return sha256(value)
    return mask(json.loads(value)["content"]) if isinstance(value, str) and value.startswith('{"sha256"') else value


def stored_runs(path: Path) -> dict[str, list[Any]]:
    """Each run of a store, oldest first, and its rows."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        ids = [run for (run,) in database.execute("SELECT id FROM ablate_runs ORDER BY number")]
        query = "SELECT entry FROM ablate_rows WHERE run = ? ORDER BY position"
        return {run: [json.loads(entry)["content"] for (entry,) in database.execute(query, (run,))] for run in ids}
