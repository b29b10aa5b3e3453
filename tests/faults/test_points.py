"""Kills and full disks at exact points: before and after each kind of call that brings something to the disk."""

from __future__ import annotations

import os
import random
import re
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.grid import Grid, made, quiet

pytestmark = pytest.mark.faults

DISK = 28
"""ENOSPC."""
KINDS = ("fsync", "rename", "commit")


def at_call(kind: str, number: int, what: str) -> None:
    """In the command: the call number ``number`` of a kind is the last one, ``before`` or ``after`` it is made.

    what: ``before``, ``after``, or ``full``, if the call fails because the disk is full. ``count`` has the command print
        how many calls there are.
    """
    from sqlalchemy.engine.default import DefaultDialect

    owner: Any = {"fsync": os, "rename": Path, "commit": DefaultDialect}[kind]
    name = {"fsync": "fsync", "rename": "replace", "commit": "do_commit"}[kind]
    original, calls = getattr(owner, name), 0

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if what == "count":
            os.write(2, f"{kind} {calls}\n".encode())
        if calls == number and what == "full":
            raise OSError(DISK, os.strerror(DISK))
        if calls == number and what == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = original(*given, **named)
        if calls == number and what == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, name, counted)


def limit_files(most: int) -> None:
    """In the command: no file may grow beyond so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def limit_pages(most: int) -> None:
    """In the command: the database may not grow beyond so many pages."""
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count={most}")


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with made(tmp_path_factory.mktemp("points")) as grid:
        yield grid


@pytest.fixture(scope="module")
def counts(grid: Grid) -> dict[str, int]:
    """How many calls of each kind an undisturbed run on an empty store makes."""
    here = f"{__name__}:at_call"
    made = {}
    for kind in KINDS:
        grid.watched(f"{kind}.db")  # as below: the calls that make a store are not among them
        errors = grid.run(f"{kind}.db", call=here, given=[kind, 0, "count"]).err
        made[kind] = len(re.findall(rf"^{kind} \d+$", errors, re.MULTILINE))
    return made


def points(counts: dict[str, int], count: int, whats: tuple[str, ...], seed: int) -> list[tuple[str, int, str]]:
    """Distinct points: all kinds and moments in turn, each at a random call."""
    chance, chosen = random.Random(seed), dict[tuple[str, int, str], None]()
    while len(chosen) < count:
        kind, what = KINDS[len(chosen) % len(KINDS)], whats[len(chosen) // len(KINDS) % len(whats)]
        chosen[kind, chance.randint(1, counts[kind]), what] = None
    return list(chosen)


def kill_at(grid: Grid, chosen: list[tuple[str, int, str]]) -> None:
    for kind, number, what in chosen:
        store = f"{len(chosen)}-{kind}-{number}-{what}.db"
        grid.watched(store)
        killed = grid.run(store, call=f"{__name__}:at_call", given=[kind, number, what])
        assert killed.code == -signal.SIGKILL, (kind, number, what, killed)
        again = grid.run(store)
        assert again.code == 0, (kind, number, what, again)
        assert quiet(again)
        grid.check(store)


def test_kills_at_exact_points(grid: Grid, counts: dict[str, int]) -> None:
    assert all(count > 10 for count in counts.values()), counts
    kill_at(grid, points(counts, 3, ("before", "after"), seed=1))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_kills_at_33_exact_points(grid: Grid, counts: dict[str, int]) -> None:
    kill_at(grid, points(counts, 33, ("before", "after"), seed=2))


def fill(grid: Grid, name: str, call: Callable[..., None], *given: Any) -> None:
    """Runs on a disk that gets full, and then on one with room."""
    store = f"{name}.db"
    full = grid.run(store, call=f"{__name__}:{call.__name__}", given=given)
    assert (full.code, full.out) == (2, ""), (name, full)
    assert quiet(full), full
    line = full.err.splitlines()[-1]
    assert re.match(r"ablate: the store .*(disk|locked)", line), line
    assert line.endswith(("give the same command again", "give another --store")), line
    again = grid.run(store)
    assert (again.code, quiet(again)) == (0, True), again
    grid.check(store)


def fill_all(grid: Grid, counts: dict[str, int], each: int, seed: int) -> None:
    chance, full = random.Random(seed), os.stat(grid.folder / "whole.db").st_size
    for number in range(each):
        fill(grid, f"file-{seed}-{number}", limit_files, chance.randint(5000, full - 5000))
        fill(grid, f"page-{seed}-{number}", limit_pages, chance.randint(2, full // 4096 - 2))
        # A commit is not one of these: SQLite itself writes there.
        kind = ("fsync", "rename")[number % 2]
        fill(grid, f"call-{seed}-{number}", at_call, kind, chance.randint(1, counts[kind]), "full")


def test_full_disks(grid: Grid, counts: dict[str, int]) -> None:
    fill_all(grid, counts, 1, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_51_full_disks(grid: Grid, counts: dict[str, int]) -> None:
    fill_all(grid, counts, 17, seed=2)
