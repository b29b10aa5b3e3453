"""Six processes at once on one store: they share the cells, and all of them have the same table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.forked import Forks
from tests.faults.grid import Grid, close, made, quiet, rows

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with made(tmp_path_factory.mktemp("six")) as grid:
        yield grid


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_six_processes_compute_each_cell_once(grid: Grid, tmp_path: Path) -> None:
    with ExitStack() as stack:
        others = [stack.enter_context(Forks(TMPDIR=str(tmp_path))) for _ in range(6)]
        # All imports are done before any of them begins.
        for other in others:
            other.run(grid.job(f"alone-{id(other)}.db", "--dry-run"))
        grid.watched("shared.db")
        for other in others:
            other.begin(grid.job("shared.db"))
        outcomes = [other.end() for other in others]
    for outcome in outcomes:
        assert (outcome.code, quiet(outcome)) == (0, True), outcome
        assert not re.search("warning|locked", outcome.err, re.IGNORECASE)
    grid.check("shared.db", computed=1.1)
    tables = rows(grid.folder / "shared.db")
    assert len(tables) == 6
    assert all(close(table, grid.expected) for table in tables)
