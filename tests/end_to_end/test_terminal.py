"""What goes to a terminal and what to a pipe: color, width, progress; and how long help takes."""

from __future__ import annotations

import os
import pty
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.main import get_command

from ablate.cli import app
from ablate.cli.examples import EXAMPLES
from ablate.testing.tiny import save_tiny
from tests.docs.test_docs import understood
from tests.workplace import RECIPE, Workplace
from tools.commands import COMMANDS

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;\d+)*m")
BASE = {
    key: value
    for key, value in os.environ.items()
    if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "GITHUB_ACTIONS", "PY_COLORS", "TTY_COMPATIBLE", "ABLATE_DATA")
}
HEAVY = ("torch", "transformers", "sentence_transformers", "scipy", "sqlalchemy", "ruamel", "datasets")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    made = Workplace(tmp_path, monkeypatch, capsys)
    assert made.run(RECIPE).code == 0
    return made


def piped(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ablate", *arguments],
        cwd=folder,
        env={**BASE, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TERM": "xterm-256color", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def in_terminal(folder: Path, *arguments: str, **environment: str) -> str:
    """What a terminal of many colors is sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ablate", *arguments],
        cwd=folder,
        env={**BASE, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TERM": "xterm-256color", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        sent += part
    process.wait()
    os.close(ours)
    return sent.decode()


@pytest.mark.parametrize("arguments", [["run", "--help"], ["show"], ["list"]])
def test_NO_COLOR_is_respected(place: Workplace, arguments: list[str]) -> None:
    assert not COLOUR.search(in_terminal(place.folder, *arguments, NO_COLOR="1"))


def test_a_terminal_has_color_and_bars(place: Workplace) -> None:
    """Else the tests here could not fail."""
    assert COLOUR.search(in_terminal(place.folder, "run", "--help"))
    shown = in_terminal(place.folder, "run", "r.yaml", "--store", "new.db")
    assert "\x1b[" in shown
    assert "━" in shown


def test_a_pipe_gets_no_escapes_and_no_bars(place: Workplace) -> None:
    for arguments in (
        ["run", "r.yaml", "--store", "piped.db"],
        ["show"],
        ["doctor"],
        ["compare", "--help"],
    ):
        ran = piped(place.folder, *arguments)
        assert ran.returncode == 0, ran.stderr
        for text in (ran.stdout, ran.stderr):
            assert "\x1b" not in text
            assert "\r" not in text
            assert "…" not in text


@pytest.mark.parametrize("columns", ["80", "44"])
def test_no_table_is_cut(place: Workplace, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    label, long = "y" * 40, "a-folder-whose-name-has-more-characters-than-a-line-of-most-terminals-has-columns"
    save_tiny(place.folder / long)
    text = RECIPE.replace("model: model", f"model: {long}").replace("align", f"{{scorer: align, label: {label}}}")
    assert place.run(text).code == 0
    monkeypatch.setenv("COLUMNS", columns)
    for arguments, whole in (
        (["show"], label),
        (["show", "--runs"], "ryaml"),
        (["list"], "uniform"),
        (["data"], "stsbdev"),
    ):
        shown = place(*arguments).out
        assert "…" not in shown
        # Commands to type next, and the comments above them, are not broken, so that they can be copied.
        lines = [line for line in shown.splitlines() if not re.match(r"(python -m )?ablate |pytest |__main__|# ", line)]
        assert max(map(len, lines)) <= int(columns) or arguments == ["data"]
        assert whole in re.sub(r"[^a-z0-9]", "", shown)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show"], 0),
        (["doctor"], 0),
        (["doctor", "--store", "r.yaml"], 1),
        (["show", "--store", "none.db"], 2),
        (["show", "--nonsense"], 2),
        (["rum"], 2),
    ],
)
def test_exit_status(place: Workplace, arguments: list[str], code: int) -> None:
    assert place(*arguments).code == code


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_every_command_imports_no_heavy_library(command: str) -> None:
    code = f"""
import sys
sys.argv = ["ablate", *sys.argv[1:]]
try:
    from ablate.cli import main
    main()
finally:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, *command.split(), "--help"], capture_output=True, text=True, check=True
    )
    assert ran.stderr == "[]\n"
    assert "…" not in ran.stdout
    assert "Examples:" in ran.stdout
    for example in EXAMPLES[command]:
        assert example in " ".join(ran.stdout.split())


def test_help_is_there_at_once() -> None:
    times = []
    for _ in range(10):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "ablate", "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - start)
    # 0.3 s is the promise, on a machine that does nothing else.
    assert statistics.median(times) < 0.9


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == {"", *COMMANDS}
    assert set(get_command(app).commands) == {command.split()[0] for command in COMMANDS}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("command", "line"), [(c, line) for c, lines in EXAMPLES.items() for line in lines])
def test_every_example_is_understood(command: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if command:
        assert line.startswith(f"ablate {command}")
    understood(line, tmp_path, monkeypatch)
