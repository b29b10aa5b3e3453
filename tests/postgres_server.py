"""A PostgreSQL server on loopback, in a temporary folder, for the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

USER = "ablate"
LOCKED = "locked"
"""A user who needs a password, which is `right`. All others are trusted."""


class Server:
    """A running server. ``initdb`` refuses root, so root starts it as the user nobody."""

    def __init__(self) -> None:
        self._bin = _binaries()
        pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'ablate-embeddings[postgres]'")
        self.folder = Path(tempfile.mkdtemp(prefix="ablate-pg-"))
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.port = self.free_port()
        self._data = self.folder / "data"
        initdb: list[str | Path] = [
            self._bin / "initdb",
            "-D",
            self._data,
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]
        done = subprocess.run(initdb, cwd=self.folder, capture_output=True, text=True, **self._as)
        if done.returncode:
            pytest.skip(f"initdb does not run here: {done.stderr.strip()}")
        access = f"host all {LOCKED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        (self._data / "pg_hba.conf").write_text(access)
        self._number = count()
        self.start()
        self.sql(f"CREATE ROLE {LOCKED} LOGIN PASSWORD 'right'")

    @staticmethod
    def free_port() -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return int(free.getsockname()[1])

    def start(self) -> None:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._as,
            )
        until = time.monotonic() + 30
        while True:
            try:
                self.sql("SELECT 1")
                return
            except Exception:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)  # "fast": it cuts all connections
        self._process.wait()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Runs a statement as the owner of the server, and returns its rows."""
        import psycopg

        url = f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def url(self, user: str = USER, database: str | None = None) -> str:
        """The URL of a database, by default of a new and empty one."""
        if database is None:
            database = f"store{next(self._number)}"
            self.sql(f"CREATE DATABASE {database}")
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"


def _binaries() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)  # where Debian has them
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("PostgreSQL is not installed: on Debian, apt install postgresql")
