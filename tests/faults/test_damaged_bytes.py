"""Damaged bytes of every file of a store: a run repairs them, or is refused in a line, and no table has a wrong number."""

from __future__ import annotations

import random
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ablate
from ablate.cli.finished import finished
from ablate.errors import AblateError
from ablate.report.results import Results
from ablate.store.store import Store
from tests.faults.grid import Grid, made
from tests.faults.test_damage_in_a_run import told

pytestmark = pytest.mark.faults

PAGE = 4096


def flipped(chance: random.Random, content: bytes) -> bytes:
    at = chance.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :]


def zeroed(chance: random.Random, content: bytes) -> bytes:
    at = PAGE * chance.randrange(-(-len(content) // PAGE))
    size = min(PAGE, len(content) - at)
    return content[:at] + bytes(size) + content[at + size :]


def overwritten(chance: random.Random, content: bytes) -> bytes:
    at, size = chance.randrange(len(content)), chance.randint(2, 600)
    return (content[:at] + chance.randbytes(size) + content[at + size :])[: len(content)]


def cut(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def longer(chance: random.Random, content: bytes) -> bytes:
    return content + chance.randbytes(chance.randint(1, 9000))


def moved(chance: random.Random, content: bytes) -> bytes:
    """One page has the content of another, as after a write to the wrong place."""
    pages = -(-len(content) // PAGE)
    source, target = PAGE * chance.randrange(pages), PAGE * chance.randrange(pages)
    page = content[source : source + PAGE]
    return (content[:target] + page + content[target + len(page) :])[: len(content)]


CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (flipped, zeroed, overwritten, cut, longer, moved)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with made(tmp_path_factory.mktemp("damaged")) as grid:
        yield grid


def outcome(work: Callable[[], Results], expected: object) -> str:
    """``whole``, or ``refused``; fails if the table is another one, or if there would be a traceback."""
    try:
        table: object = told(work())
    except AblateError as error:
        table = str(error)
    if isinstance(table, str):
        assert table
        assert "\n" not in table
        return "refused"
    assert table == expected
    return "whole"


def damage_some(grid: Grid, count: int, seed: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    monkeypatch.chdir(grid.folder)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    whole, store = Path("whole.db"), Path(f"damaged-{seed}.db")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = told(ablate.run("r.yaml", store=whole))
        seen: Counter[str] = Counter()
        for number in range(count):
            chance = random.Random(f"{seed} {number}")
            shutil.rmtree(f"{store}.files", ignore_errors=True)
            shutil.copytree(f"{whole}.files", f"{store}.files")
            shutil.copyfile(whole, store)
            files = sorted(Path(f"{store}.files").glob("*.safetensors"))
            # Half of the damage is in the database, which has the results, the rows and the record of the run.
            for victim in [store] if number % 2 else chance.sample(files, chance.randint(1, 3)):
                victim.write_bytes(chance.choice(CHANGES)(chance, victim.read_bytes()))
            seen[f"show: {outcome(lambda: shown(store), expected)}"] += 1
            seen[f"run: {outcome(lambda: ablate.run('r.yaml', store=store), expected)}"] += 1
    return seen


def shown(store: Path) -> Results:
    with Store(store, create=False) as opened:
        return finished(opened, None)


def test_damaged_bytes(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = damage_some(grid, 24, 1, monkeypatch)
    assert seen["run: whole"] > 12


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_500_damaged_files_and_pages(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = damage_some(grid, 500, 2, monkeypatch)
    print(dict(seen))
    assert seen["run: whole"] >= 250
    assert seen["run: refused"] > 0
