"""What reaches a terminal or a file: no control characters, whole files or none, and one line about a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ablate.files import write_whole
from tests.workplace import RECIPE, STORE, Workplace

pytestmark = pytest.mark.faults

HOSTILE = "a\x1b[31mb\u202ec\x9bd"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


def environment(**changed: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **changed}


def ablate(*arguments: str, stdout: Any = subprocess.PIPE, **changed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ablate", *arguments]
    given: dict[str, Any] = {"stdout": stdout, "stderr": subprocess.PIPE, "text": True, "check": False}
    ran: subprocess.CompletedProcess[str] = subprocess.run(command, env=environment(**changed), **given)
    return ran


def test_no_control_character_reaches_a_terminal(place: Workplace) -> None:
    Path(HOSTILE).symlink_to("model")
    quoted = '"a\\x1b[31mb\\u202Ec\\x9bd"'
    named = RECIPE.replace("model: model", f"model: {quoted}")
    for ran in (
        place.run(named, "--dry-run"),
        place.run(RECIPE + f"{quoted}: 1\n"),
        place.run(RECIPE + f"confirm: [{quoted}]\n"),
        place("run", HOSTILE),
        place("show", "--store", HOSTILE),
        place("run", "r.yaml", f"--{HOSTILE}"),
        place(HOSTILE),
    ):
        text = ran.out + ran.err
        assert not {"\x1b", "\u202e", "\x9b"} & set(text), repr(text)


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": ""}], ids=["ascii", "C"])
@pytest.mark.parametrize(
    "arguments", [["run", "r.yaml"], ["show"], ["run", "r.yaml", "--dry-run"], ["list"]], ids=" ".join
)
def test_a_legacy_locale(arguments: list[str], locale: dict[str, str], place: Workplace) -> None:
    assert place.run(RECIPE.replace("align", "{scorer: align, label: näive}")).code == 0
    ran = ablate(*arguments, LC_ALL="C", PYTHONUTF8="0", **locale)
    assert ran.returncode == 0, ran.stderr
    assert "Unicode" not in ran.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["show"], ["schema"], ["data"], ["run", "r.yaml", "--dry-run"]], ids=" ".join
)
def test_a_full_disk_behind_stdout(arguments: list[str], place: Workplace) -> None:
    assert place.run(RECIPE).code == 0
    with open("/dev/full", "w") as full:
        ran = ablate(*arguments, stdout=full)
    assert ran.returncode == 1
    assert ran.stderr == (
        "ablate: stdout cannot be written (No space left on device); make room, or send it elsewhere\n"
    )


def test_a_full_disk_keeps_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "report.html"
    report.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        write_whole(report, b"new")
    assert report.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_output_never_replaces_what_is_ours(place: Workplace) -> None:
    assert place.run(RECIPE).code == 0
    array = next(Path(f"{STORE}.files").glob("*.safetensors"))
    for number, ours in enumerate((Path("r.yaml"), Path(STORE), array)):
        Path(f"hard{number}").hardlink_to(ours)
        Path(f"soft{number}").symlink_to(ours)
        before = ours.read_bytes()
        for output in (str(ours), f"hard{number}", f"soft{number}"):
            assert place.refused(place("report", "r.yaml", "-o", output)).startswith(
                f"--output {output}: is the recipe or"
            )
            assert place.refused(place("run", "r.yaml", "-o", output)).startswith(
                f"--output {output}: is the recipe or"
            )
        assert ours.read_bytes() == before
    assert place("show", "-o", "new.txt").code == 0


@pytest.mark.parametrize("port", ["abc", "99999999", "-1", "80 80", "\x1b[31m"])
@pytest.mark.parametrize(
    "command", [["show"], ["run", "r.yaml"], ["report"], ["export", "1", "-o", "small"]], ids=" ".join
)
def test_a_port_that_is_none(command: list[str], port: str, place: Workplace) -> None:
    Path("r.yaml").write_text(RECIPE)
    line = place.refused(place(*command, "--store", f"postgresql+psycopg://user:secret@localhost:{port}/ablate"))
    assert "secret" not in line
    assert "store" in line


@pytest.mark.parametrize(
    "line",
    [
        "init minilm -o {0}.yaml",
        "compare --scorers magnitude --granularities head --dev {0} --dry-run",
        "compare --scorers magnitude --granularities head --task a={0} --dry-run",
        "data check {0}",
        "schema -o {0}",
    ],
)
def test_a_name_that_is_too_long_is_told_in_one_line(line: str, place: Workplace) -> None:
    before = place.files()
    place.refused(place(*line.format("x" * 300).split()))
    assert place.files() == before
