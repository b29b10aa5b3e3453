"""Settings that hold for every test, and the fixtures that several folders share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.doctor.stored import Stored
    from tests.postgres_server import Server

# Tests are many and small: a second thread costs more than it brings. Read by torch when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A runner started in the background ignores SIGINT, and so would every test of an interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A store with a finished run, which no test changes."""
    # Not above: this imports torch, which reads the settings.
    from tests.doctor.stored import Stored

    return Stored.made(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def stored(original: Stored, tmp_path: Path) -> Stored:
    """A copy of it, to damage."""
    return original.copy(tmp_path)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server; tests that need it are skipped where there is none."""
    from tests.postgres_server import Server

    started = Server()
    yield started
    started.close()
