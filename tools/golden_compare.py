"""What golden.py masks, and how it compares two records."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

VOLATILE = ("seconds", "timings", "versions", "exported_with")
"""Keys of JSON whose values differ from run to run, or from one environment to the next."""

_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_DURATION = re.compile(r"(about|estimate:) \d+ (s|min)\b")
_VERSIONS = re.compile(r"\* versions: .*")
_PROGRESS = re.compile(r"(\d+) of (\d+) (?:cell|step)s")
# After a gap of a printed table, or at the end of a line of Markdown or LaTeX.
_LAST_NUMBER = re.compile(r"(?: {2,}|[|&] )[\d.,]+( \||(?: \\\\)?)$")


def mask(value: Any, key: str = "") -> Any:
    """JSON without what differs from run to run; None stays, so that an absent value is told from one that is there."""
    if key in VOLATILE and value is not None:
        return f"<{key}>"
    if isinstance(value, dict):
        return {name: mask(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [mask(one) for one in value]
    return _RUN.sub("<run>", value) if isinstance(value, str) else value


def mask_csv(text: str) -> str:
    """Rows without their seconds."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    place = header.index("seconds")
    lines = [header, *([*row[:place], "", *row[place + 1 :]] for row in rows)]
    made = io.StringIO()
    csv.writer(made).writerows(lines)
    return made.getvalue()


def mask_text(text: str) -> str:
    """What is printed, without ids of runs, durations, the count of cached cells (rows have it) and progress."""
    lines = [line for line in text.splitlines() if not _is_volatile(line)]
    kept = "".join(f"{line}\n" for line in _without_seconds(lines))
    for pattern, word in ((_RUN, "<run>"), (_DURATION, "<duration>"), (_VERSIONS, "* versions: <versions>")):
        kept = pattern.sub(word, kept)
    return kept


def _is_volatile(line: str) -> bool:
    progress = _PROGRESS.search(line)
    unfinished = progress is not None and progress[1] != progress[2]
    # The last: torch's warnings, with the time of day, where the ONNX model is traced.
    return unfinished or re.match(r"(\W*)(seconds|cells): |W\d{4} ", line) is not None


def _without_seconds(lines: Sequence[str]) -> Iterator[str]:
    """Takes the last number off the lines of a table whose last column is seconds: as text, Markdown or LaTeX."""
    inside = False
    for line in lines:
        yield _LAST_NUMBER.sub(r"\1", line) if inside else line
        inside = bool(line.strip()) and (inside or re.search(r"\bseconds\W*$", line) is not None)


def compare(a: Path, b: Path, *, skip: Sequence[str] = (), tolerance: float = 0.0) -> list[str]:
    """The differences of two records, a line each: the file, the key in it or the line of text, both values.

    Args:
        skip: patterns of file names, or of ``file:/key/of/it``, to leave out.
        tolerance: relative, of floats; 0 compares them exactly.

    Raises:
        SystemExit: one has no record.
    """
    sides = [{str(p.relative_to(s / "golden")): p for p in (s / "golden").rglob("*") if p.is_file()} for s in (a, b)]
    if not all(sides):
        raise SystemExit(f"golden: no record in {b if sides[0] else a}")
    found = []
    for name in sorted(sides[0] | sides[1]):
        if any(fnmatch(name, pattern) for pattern in skip):
            continue
        if any(name not in side for side in sides):
            found.append(f"{name}: only in {a if name in sides[0] else b}")
            continue
        own, other = (side[name].read_text(encoding="utf-8") for side in sides)
        found += _of_json(name, own, other, skip, tolerance) if name.endswith(".json") else _of_text(name, own, other)
    return found


def _of_json(name: str, own: str, other: str, skip: Sequence[str], tolerance: float) -> list[str]:
    found = differences(json.loads(own), json.loads(other), tolerance)
    kept = ((f"{name}:{key}", text) for key, text in found)
    return [f"{place}: {text}" for place, text in kept if not any(fnmatch(place, pattern) for pattern in skip)]


def _of_text(name: str, own: str, other: str) -> list[str]:
    changes = list(difflib.unified_diff(own.splitlines(), other.splitlines(), lineterm="", n=0))[2:]
    return [f"{name}: {line}" for line in changes]


def differences(own: Any, other: Any, tolerance: float = 0.0, key: str = "") -> Iterator[tuple[str, str]]:
    """Each key, as ``/rows/3/score``, with what is different under it; the order of keys counts."""
    if isinstance(own, dict) and isinstance(other, dict):
        for name in [*own, *(name for name in other if name not in own)]:
            if name not in own or name not in other:
                yield f"{key}/{name}", f"only in the {'first' if name in own else 'second'}"
            else:
                yield from differences(own[name], other[name], tolerance, f"{key}/{name}")
        if [name for name in own if name in other] != [name for name in other if name in own]:
            yield key, "keys in another order"
    elif isinstance(own, list) and isinstance(other, list):
        if len(own) != len(other):
            yield key, f"{len(own)} entries, {len(other)} in the second"
        for place, (one, two) in enumerate(zip(own, other, strict=False)):
            yield from differences(one, two, tolerance, f"{key}/{place}")
    elif not _equal(own, other, tolerance):
        yield key, f"{_short(own)} != {_short(other)}"


def _equal(own: Any, other: Any, tolerance: float) -> bool:
    if isinstance(own, float) and isinstance(other, float) and tolerance:
        return math.isclose(own, other, rel_tol=tolerance, abs_tol=tolerance)
    return type(own) is type(other) and bool(own == other)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"
