"""Every text leaves by ``say.py`` or ``console.py``, which let no control character pass to a terminal."""

from __future__ import annotations

import ast
import io
import sys
from pathlib import Path

import pytest

import ablate.cli
from ablate.cli.say import put_text, say

FOLDER = Path(ablate.cli.__file__).parent
FILES = [file for file in sorted(FOLDER.glob("*.py")) if file.name not in ("say.py", "console.py")]
HOSTILE = "a\x1b[31mb\u202ec\td"


def ways_out(code: str) -> list[str]:
    """The calls by which code would print past both modules, with their lines."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    named = [(ast.unparse(call.func), call.lineno) for call in calls]
    direct = ("print", "rich.print", "pprint", "Console", "rich.console.Console")
    return [
        f"{name}:{line}"
        for name, line in named
        if name in direct
        or name.rpartition(".")[2] in ("echo", "secho")
        or (name.startswith(("sys.stdout.", "sys.stderr.", "sys.__std")) and "write" in name)
    ]


@pytest.mark.parametrize(
    "code",
    [
        "print('a')",
        "def f():\n typer.echo(1)",
        "sys.stdout.write(a)",
        "sys.stderr.writelines(a)",
        "sys.stdout.buffer.write(a)",
        "print_page(page, Console(file=f))",
    ],
)
def test_a_way_out_is_found(code: str) -> None:
    assert len(ways_out(code)) == 1


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_command_prints_by_say_and_console_alone(file: Path) -> None:
    assert ways_out(file.read_text()) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_no_control_character_and_a_pipe_the_text_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, expected in ((Terminal(), "a\\x1b[31mb\\u202ec\td\r\n"), (io.StringIO(), HOSTILE + "\r\n")):
        monkeypatch.setattr(sys, "stdout", stream)
        put_text(HOSTILE + "\r\n")
        assert stream.getvalue() == expected


def test_a_line_has_none_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    assert capsys.readouterr().out == "a\\x1b[31mb\\u202ec d\n"
