"""Runs commands in forks of one process that has imported what they need, since the imports take seconds.

As a script, it reads a list of :class:`Job` from stdin as JSON, and prints a list of :class:`Outcome`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

IMPORTED = ("ablate.cli.execution", "ablate.models.load", "ablate.training.fit", "ablate.export.export")
MEMORY = 3 * 2**30
"""How many bytes of address space a command may take, beside what is imported. Protects the machine."""


@dataclass(frozen=True)
class Job:
    """arguments: of ablate. folder: in which it runs. seconds: after which it is killed."""

    arguments: Sequence[str]
    folder: str
    seconds: float = 60.0


@dataclass(frozen=True)
class Outcome:
    """code: the exit status, or the negative number of a signal. bytes: the most memory that it had."""

    code: int
    out: str
    err: str
    seconds: float
    bytes: int


def run_forked(jobs: Sequence[Job], **environment: str) -> list[Outcome]:
    """Runs jobs one after another."""
    path = os.pathsep.join([environment.pop("PYTHONPATH", ""), *filter(None, sys.path)])
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults.forked"],
        input=json.dumps([asdict(job) for job in jobs]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment, "PYTHONPATH": path},
    )
    return [Outcome(**outcome) for outcome in json.loads(ran.stdout)]


def _run(job: Job) -> Outcome:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            _be(job, out.fileno(), err.fileno())
        while True:
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() - start > job.seconds:
                os.kill(child, 9)
            time.sleep(0.02)
        seconds = time.monotonic() - start
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return Outcome(os.waitstatus_to_exitcode(status), texts[0], texts[1], seconds, usage.ru_maxrss * 1024)


def _be(job: Job, out: int, err: int) -> None:
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(job.folder)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
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


if __name__ == "__main__":
    import importlib

    for name in IMPORTED:
        importlib.import_module(name)
    print(json.dumps([asdict(_run(Job(**job))) for job in json.load(sys.stdin)]))
