"""Runs commands in forks of one process that has imported what they need, since the imports take seconds.

As a script, it reads each :class:`Job` from stdin as a line of JSON, and prints its :class:`Outcome`.
"""

from __future__ import annotations

import json
import os
import pkgutil
import pty
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

IMPORTED = (
    "ablate.cli.output",
    "ablate.coordinator.dry_run",
    "ablate.models.load",
    "ablate.training.fit",
    "ablate.export.export",
)
MEMORY = 3 * 2**30
"""How many bytes that can be written a command may take, beside what is imported. Protects the machine."""

LONGEST = 900.0
"""How many seconds a command has for the next of its workers to be there."""


@dataclass(frozen=True)
class Job:
    """A command.

    arguments: of ablate. folder: in which it runs. seconds: after which it is killed.
    sent: the number of a signal that reaches it when it calls the function ``at``, a path such as ``os.fsync``.
    terminal: whether its stderr is a terminal.
    call: a function that it calls first, as ``module:name``, with ``given``.
    kills: for each of these a worker of the command is killed that many seconds after the one before, or as soon as
        there is one; ``seconds`` count from the last one. seed: chooses the worker.
    begun: no worker is killed before this file is there.
    """

    arguments: Sequence[str]
    folder: str
    seconds: float = 60.0
    sent: int = 0
    at: str = ""
    terminal: bool = False
    call: str = ""
    given: Sequence[Any] = ()
    kills: Sequence[float] = ()
    seed: int = 0
    begun: str = ""


@dataclass(frozen=True)
class Outcome:
    """code: the exit status, or the negative number of a signal. bytes: the most memory that it had.

    killed: how many of its workers were killed. orphans: processes that it left behind for 10 seconds.
    """

    code: int
    out: str
    err: str
    seconds: float
    bytes: int
    killed: int = 0
    orphans: int = 0


class Forks:
    """The process. Its commands run one after another; use it as a context."""

    def __init__(self, **environment: str) -> None:
        path = os.pathsep.join([environment.pop("PYTHONPATH", ""), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment, "PYTHONPATH": path},
        )

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, job: Job) -> Outcome:
        self.begin(job)
        return self.end()

    def begin(self, job: Job) -> None:
        assert self._process.stdin is not None
        print(json.dumps(asdict(job)), file=self._process.stdin, flush=True)

    def end(self) -> Outcome:
        assert self._process.stdout is not None
        return Outcome(**json.loads(self._process.stdout.readline()))


def _run(job: Job) -> Outcome:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        screen, tty = pty.openpty() if job.terminal else (0, err.fileno())
        child = os.fork()
        if child == 0:
            _be(job, out.fileno(), tty)
        reader = threading.Thread(target=_copy, args=(screen, err.fileno()))
        if job.terminal:
            os.close(tty)
            reader.start()
        killer = _Killer(job, child)
        while True:
            killer.look()
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() - killer.since > job.seconds:
                os.kill(child, 9)
            time.sleep(0.02)
        seconds = time.monotonic() - start
        if job.terminal:
            reader.join()
            os.close(screen)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        code, memory = os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024
        return Outcome(code, texts[0], texts[1], seconds, memory, killer.killed, killer.orphans())


class _Killer:
    """Kills workers of a command, and counts those that outlive it."""

    def __init__(self, job: Job, child: int) -> None:
        self._command, self._chance, self._left = psutil.Process(child), random.Random(job.seed), list(job.kills)
        self._next = time.monotonic() + (self._left[0] if self._left else 0)
        self._seen: set[psutil.Process] = set()
        self._watches = bool(job.kills) or any("jobs" in word for word in job.arguments)
        self.killed, self._start = 0, time.monotonic()
        self._begun = Path(job.folder, job.begun)

    @property
    def since(self) -> float:
        """When the command's time began; far ahead while workers are to be killed."""
        return self._start + (LONGEST if self._left else 0)

    def look(self) -> None:
        if not self._watches:
            return
        with suppress(psutil.Error):
            there = self._command.children(recursive=True)
            self._seen.update(there)
            due = self._left and time.monotonic() > self._next and self._begun.exists()
            if due and (workers := [one for one in there if _is_worker(one)]):
                self._chance.choice(workers).kill()
                self.killed += 1
                del self._left[0]
                self._start = time.monotonic()
                self._next = self._start + (self._left[0] if self._left else 0)

    def orphans(self) -> int:
        return len(psutil.wait_procs(self._seen, timeout=10)[1])


def _is_worker(process: psutil.Process) -> bool:
    words = " ".join(process.cmdline())
    return ("loky" in words or "spawn_main" in words) and "resource_tracker" not in words


def _copy(screen: int, file: int) -> None:
    """Copies what a terminal shows to a file, until nobody writes to it any more."""
    with suppress(OSError):
        while shown := os.read(screen, 4096):
            os.write(file, shown)


def _be(job: Job, out: int, err: int) -> None:
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(job.folder)
        os.setpgid(0, 0)
        # Of memory that can be written: the engine that draws figures reserves addresses that it never uses.
        pages = int(Path("/proc/self/statm").read_text().split()[5])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        # As of a command in the foreground, whatever started the tests.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if job.call:
            pkgutil.resolve_name(job.call)(*job.given)
        if job.sent:
            _send(job.sent, job.at)
        sys.argv = ["ablate", *job.arguments]
        from ablate.cli import main

        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _send(number: int, at: str) -> None:
    where, _, name = at.rpartition(".")
    owner = pkgutil.resolve_name(where)
    original = getattr(owner, name)

    def signaled(*given: Any, **named: Any) -> Any:
        os.kill(os.getpid(), number)
        return original(*given, **named)

    setattr(owner, name, signaled)


if __name__ == "__main__":
    import importlib

    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(asdict(_run(Job(**json.loads(line))))), flush=True)
