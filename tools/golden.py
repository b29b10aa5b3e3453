"""The golden record: what ablate's commands give, so that a refactoring can prove that it changed nothing.

    python tools/golden.py record DIR      give the commands in DIR, and write what they gave to DIR/golden
    python tools/golden.py compare A B     print every difference of two records; status 1 if there is one
    python tools/golden.py resume DIR      show the runs in the stores of DIR with the code at hand, and give the
                                           commands again on copies: nothing may be computed, all must be equal

The code at hand is whatever ``import ablate`` finds (set PYTHONPATH); commits before and after are tried with the same
files. They use the command line, the tables of a store as SQLite has them, and ``ablate.testing.tiny``. Floats are
compared exactly, so both records must come from one kind of machine (DIR/environment.json names it). DIR/inputs has the
recipes and models, DIR/stores the stores. What differs from run to run is masked: ids of runs, times, versions.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# For `python tools/golden.py`. It goes again: the `ablate` beside this folder need not be the one to try.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.golden_compare import compare, differences, mask, mask_csv, mask_text
from tools.golden_read import files_of, read_export, read_store, stored_runs, write_json
from tools.golden_steps import CHAINS, RESUMED, Step, ablate, code_at_hand, make_inputs

sys.path.pop(0)

CHAINS_AT_ONCE = 2
COUNTS = ("*.stderr", "*-dry.txt", "*.json:*/cached", "*.json:*/computed", "*.csv", "report.json")
"""What differs when the store has everything: counts of cached cells, which are compared apart (a CSV has them in a
column, and the JSON of the same rows is compared), and the report, which shows the studies that came after it."""


def perform(folder: Path, step: Step) -> None:
    """Gives a command, and keeps what it prints, masked."""
    out, err = ablate(folder, step.words)
    kept = folder / "golden" / "outputs" / step.name
    if step.name.endswith(".json"):
        write_json(kept, mask(json.loads(out)), sort=False)
    else:
        kept.write_text(mask_csv(out) if step.name.endswith(".csv") else mask_text(out), encoding="utf-8")
    kept.with_name(f"{step.name}.stderr").write_text(mask_text(err), encoding="utf-8")


def make_record(folder: Path, before: dict[str, int] | None = None) -> None:
    """Gives every command in a folder that has the inputs, and writes ``golden`` there.

    Args:
        before: store -> how many runs it had already.
    """
    for name in ("golden/outputs", "stores", "exports"):
        (folder / name).mkdir(parents=True, exist_ok=True)

    def work(chain: Sequence[Step]) -> None:
        for step in chain:
            perform(folder, step)

    with ThreadPoolExecutor(CHAINS_AT_ONCE) as pool:
        for chain in [pool.submit(work, chain) for chain in CHAINS]:
            try:
                chain.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    write_json(folder / "golden" / "inputs.json", files_of(folder / "inputs"))
    for path in sorted((folder / "stores").glob("*.db")):
        content = read_store(path, (before or {}).get(path.name, 0))
        write_json(folder / "golden" / "stores" / f"{path.stem}.json", content)
    for path in sorted(filter(Path.is_dir, (folder / "exports").iterdir())):
        read_export(path, folder / "golden" / "exports" / path.name)
    html = (folder / "exports" / "report.html").read_text(encoding="utf-8")
    # Its text has dates; what it is made of is counted.
    write_json(folder / "golden" / "report.json", {tag: html.count(f"<{tag}") for tag in ("table", "svg", "tr", "h2")})


def describe(folder: Path) -> None:
    cpu = next((line for line in _lines(Path("/proc/cpuinfo")) if line.startswith("model name")), platform.processor())
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "numpy", "scipy")}
    found = {"cpu": cpu.partition(": ")[2] or cpu, "python": platform.python_version(), **versions}
    write_json(folder / "environment.json", found)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def record(folder: Path) -> int:
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"golden: {folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    print(f"golden: recording {code_at_hand()}", file=sys.stderr)
    describe(folder)
    make_inputs(folder / "inputs")
    make_record(folder)
    return 0


def resume(folder: Path) -> int:
    """Shows every run of a record's stores, gives its commands again on copies, and finishes the unfinished run."""
    print(f"golden: resuming with {code_at_hand()}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="golden-") as name:
        copy = Path(name)
        for part in ("inputs", "stores"):
            shutil.copytree(folder / part, copy / part)
        runs = {path.name: stored_runs(path) for path in sorted((copy / "stores").glob("*.db"))}
        wrong = [f"{store}: run {run} is shown with other rows" for store, run in _shown_wrong(copy, runs)]
        make_record(copy, {store: len(found) for store, found in runs.items()})
        wrong += compare(folder, copy, skip=COUNTS)
        wrong += _computed(copy, runs)
        wrong += _finished(folder, copy)
    print(*wrong, f"golden: {len(wrong)} differences", sep="\n")
    return 1 if wrong else 0


def _shown_wrong(copy: Path, runs: dict[str, dict[str, list[Any]]]) -> list[tuple[str, str]]:
    # A study has no rows, and `ablate show` refuses it: its command is given again with the others.
    every = [(store, run, rows) for store, of_store in runs.items() for run, rows in of_store.items() if rows]

    def equal(one: tuple[str, str, list[Any]]) -> bool:
        store, run, rows = one
        ablate(copy, ("show", run, "--store", f"stores/{store}"))
        out, _ = ablate(copy, ("show", run, "--store", f"stores/{store}", "--format", "json"))
        return bool(json.loads(out) == rows)

    with ThreadPoolExecutor(CHAINS_AT_ONCE) as pool:
        return [(store, run) for (store, run, _), same in zip(every, pool.map(equal, every), strict=True) if not same]


def _computed(copy: Path, runs: dict[str, dict[str, list[Any]]]) -> Iterator[str]:
    """Runs and passes of the second time that computed something."""
    for path in sorted((copy / "stores").glob("*.db")):
        for run in read_store(path, len(runs[path.name]))["ablate_runs"]:
            if (run["about"] or {}).get("computed"):
                yield f"{path.name}: run {run['id']} computed {run['about']['computed']} cells again"
    for path in sorted((copy / "golden" / "outputs").glob("*.stderr")):
        yield from (
            f"{path.name}: {line}"
            for line in _lines(path)
            if line.startswith("pass:") or re.search(r"\d of \d+ steps", line)
        )


def _finished(folder: Path, copy: Path) -> list[str]:
    """What the unfinished run, finished now, has otherwise than the one that was made in one piece."""
    for step in RESUMED:
        perform(copy, step)
    name = Path("golden", "outputs", RESUMED[-1].name)
    whole, finished = (json.loads((at / name).read_text(encoding="utf-8")) for at in (folder, copy))
    found = differences(whole, finished)
    return [f"partial.db, finished: {key}: {text}" for key, text in found if not key.endswith("/cached")]


def compared(a: Path, b: Path, skip: Sequence[str], tolerance: float) -> int:
    found = compare(a, b, skip=skip, tolerance=tolerance)
    where = [(at / "environment.json").read_text(encoding="utf-8") for at in (a, b)]
    if where[0] != where[1]:
        print(f"golden: recorded in different environments:\n{where[0]}{where[1]}", file=sys.stderr)
    print(*found, f"golden: {len(found)} differences", sep="\n")
    return 1 if found else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("record", "resume"):
        verbs.add_parser(verb).add_argument("folder", type=Path)
    comparing = verbs.add_parser("compare")
    comparing.add_argument("a", type=Path)
    comparing.add_argument("b", type=Path)
    comparing.add_argument("--skip", action="append", default=[], metavar="PATTERN", help="of FILE or FILE:/KEY")
    comparing.add_argument("--tolerance", type=float, default=0.0, help="relative, of floats; 0 compares them exactly")
    given = parser.parse_args()
    if given.verb == "compare":
        return compared(given.a, given.b, given.skip, given.tolerance)
    return (record if given.verb == "record" else resume)(given.folder.resolve())


if __name__ == "__main__":
    sys.exit(main())
