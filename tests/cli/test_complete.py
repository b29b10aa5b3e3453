"""Tab, as bash asks for it: fast, and the same whatever state other plug-ins are in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ablate.builtin import NAMES
from ablate.cli.complete import listed
from ablate.plugins import KINDS, registry
from ablate.store.store import Store
from tests.test_plugins import describe, module

# The program's own name decides the name of the variable.
PROGRAM = """
import sys
sys.argv = ["ablate"]
try:
    from ablate.cli import main
    main()
finally:
    print([name for name in ("torch", "transformers") if name in sys.modules], file=sys.stderr)
"""


class Tab:
    """A folder that stands on the path, and the program asked in it for what may follow."""

    def __init__(self, folder: Path) -> None:
        self.site, self.cache = folder / "site", folder / "cache"
        self.site.mkdir()

    def __call__(self, line: str) -> list[str]:
        words = line.split(" ")
        path = os.pathsep.join([str(self.site), *filter(None, sys.path)])
        asked = {"_ABLATE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        base = {key: value for key, value in os.environ.items() if key != "ABLATE_DISABLE_PLUGINS"}
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**base, **asked, "PYTHONPATH": path, "ABLATE_CACHE": str(self.cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "[]\n"), ran
        return ran.stdout.split()

    def install(self, distribution: str, code: str) -> None:
        file = self.site / f"{distribution.replace('-', '_')}_module.py"
        file.write_text(code)
        describe(self.site, distribution, "1.0", {"point": file.stem})


@pytest.fixture
def tab(tmp_path: Path) -> Tab:
    return Tab(tmp_path)


def test_the_names_that_are_known_without_torch_are_those_that_are_registered() -> None:
    for kind in KINDS:
        assert tuple(e.plugin.name for e in registry().of_kind(kind) if e.built_in) == NAMES[kind]


def test_lists_complete_their_last_part() -> None:
    names = ("align", "uniform", "unit")
    assert listed("", names) == ["align", "uniform", "unit"]
    assert listed("align,un", names) == ["align,uniform", "align,unit"]
    assert listed("unit,uniform,", names) == ["unit,uniform,align"]
    assert listed("nope", names) == []


def test_commands_options_and_built_in_names(tab: Tab) -> None:
    assert {"init", "run", "compare", "train", "doctor", "schema"} <= set(tab("ablate "))
    assert tab("ablate tr") == ["train"]
    assert tab("ablate compare --gr") == ["--granularities"]
    assert tab("ablate compare --scorers align,u") == ["align,uniform"]
    assert set(tab("ablate compare --granularities ")) == set(NAMES["granularity"])
    assert set(tab("ablate compare --tasks s")) == {
        *("sts", "sts-dev"),
        *(name for name in NAMES["task"] if name.startswith("s")),
    }
    assert tab("ablate compare --tasks geo") == ["geometry"]
    assert tab("ablate compare --sparsities 0") == []
    assert tab("ablate train recipe.yaml --data s") == ["senteval", "senteval:"]
    assert tab("ablate data fetch stsb-") == ["stsb-dev", "stsb-train"]
    assert tab("ablate init m") == ["minilm"]
    assert tab("ablate check uns") == ["unstructured"]
    assert not tab.cache.exists()


def test_runs_of_the_store_the_newest_first(tab: Tab, tmp_path: Path) -> None:
    with Store(tmp_path / "mine.db") as store:
        ids = [store.begin_run({}) for _ in range(2)]
    assert tab(f"ablate show --store {tmp_path / 'mine.db'} 2") == ids[::-1]
    assert tab(f"ablate diff --store {tmp_path / 'mine.db'} --run {ids[0]}") == ids[:1]
    assert tab(f"ablate show --store {tmp_path / 'absent.db'} 2") == []
    assert not (tmp_path / "absent.db").exists()
    (tmp_path / "none.db").write_text("no store")
    assert tab(f"ablate export --store {tmp_path / 'none.db'} --run 2") == []


@pytest.mark.parametrize("before", ["print('hello')", "raise OSError('no licence')", "import os; os._exit(3)", "1 +"])
def test_no_plug_in_is_imported(tab: Tab, before: str) -> None:
    """Neither one that works, nor one that prints, raises, exits or does not compile."""
    trace = tab.site / "imported"
    tab.install("mine-dist", f"open({str(trace)!r}, 'w').close()\n{module('mine', before=before)}")
    assert tab("ablate compare --scorers al") == ["align"]
    assert tab("ablate compare --scorers mine") == []
    assert tab("ablate check mine") == []
    assert not trace.exists()
    assert not tab.cache.exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_for_bash_works_in_bash(tmp_path: Path) -> None:
    program = tmp_path / "ablate"
    program.write_text(f"#!{sys.executable}\nfrom ablate.cli import main\nmain()\n")
    program.chmod(0o755)
    script = """
source <(ablate --show-completion bash)
COMP_WORDS=(ablate compare --scorers align,un)
COMP_CWORD=3
_ablate_completion ablate
printf '%s\\n' "${COMPREPLY[@]}"
"""
    path = os.pathsep.join(filter(None, sys.path))
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": path,
        "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",
    }
    ran = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("align,uniform\n", "")
