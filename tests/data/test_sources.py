"""The choice of a source, and what groups mean on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ablate.data.hub import HUB, HubCache
from ablate.data.names import GROUPS, KNOWN
from ablate.data.senteval import SentEval
from ablate.data.sources import expand, providers, resolve
from ablate.data.standard import SETS
from ablate.errors import DataError

ROW = "g\tf\ty\t0\t1\ta\tb\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A SentEval folder with STS-B test alone."""
    benchmark = tmp_path / "senteval/STS/STSBenchmark"
    benchmark.mkdir(parents=True)
    (benchmark / "sts-test.csv").write_text(ROW)
    return tmp_path / "senteval"


def cached(tmp_path: Path, *names: str) -> dict[str, str]:
    """An environment whose cache seems to hold these sets."""
    (tmp_path / "cache/hub").mkdir(parents=True)
    for name in names:
        (tmp_path / f"cache/hub/{name}.jsonl").write_text("")
    return {"ABLATE_CACHE": str(tmp_path / "cache")}


def test_auto_prefers_ablate_data_then_a_full_cache(tmp_path: Path, folder: Path) -> None:
    environ = cached(tmp_path, *(name for group in GROUPS.values() for name in group))
    chosen = resolve("auto", {**environ, "ABLATE_DATA": str(folder)})
    assert isinstance(chosen.source, SentEval)
    assert chosen.source.folder == folder
    assert chosen.why == "ABLATE_DATA is set"
    for unset in (environ, {**environ, "ABLATE_DATA": ""}):
        chosen = resolve("auto", unset)
        assert isinstance(chosen.source, HubCache)
        assert chosen.why == "no ABLATE_DATA, cache filled by `ablate data fetch`"


def test_auto_falls_to_embedded_and_says_why(tmp_path: Path) -> None:
    chosen = resolve("auto", {"ABLATE_CACHE": str(tmp_path)})
    assert (chosen.source.name, chosen.source.label) == ("embedded", "embedded (synthetic)")
    assert chosen.why == "no ABLATE_DATA and no fetched cache"
    partial = cached(tmp_path, *(name for name in HUB if name not in ("sts14", "stsb-train")))
    chosen = resolve("auto", partial)
    assert chosen.source.name == "embedded"
    assert chosen.why == "no ABLATE_DATA, and the fetched cache lacks sts14, stsb-train"


def test_named_sources(tmp_path: Path, folder: Path) -> None:
    environ = cached(tmp_path, "stsb") | {"ABLATE_DATA": "/elsewhere"}
    assert resolve("embedded", environ).source.name == "embedded"
    assert resolve("hub", environ).source.names() == ("stsb",)
    for data in (f"senteval:{folder}", {"senteval": str(folder)}):
        assert resolve(data, environ).source.load("stsb").left == ("a",)
    assert resolve("senteval", {"ABLATE_DATA": str(folder)}).source.names() == ("stsb",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("auto", "ABLATE_DATA: there is no folder '/no/where'; set ABLATE_DATA"),
        ("senteval", "ABLATE_DATA: there is no folder '/no/where'; set ABLATE_DATA"),
        ("senteval:/not/here", "data: senteval: there is no folder '/not/here'; "),
        ("senteval:", "data: senteval: there is no folder ''; "),
        ({"senteval": "/not/here"}, "data: senteval: there is no folder '/not/here'; "),
        ({"sentevel": "/not/here"}, "data: {'sentevel': '/not/here'} is not a source; write auto, "),
        ("hub", "data: hub is asked for, but nothing has been fetched to "),
        ("embeded", "data: unknown source 'embeded'; did you mean 'embedded'?"),
        ("sentevl:/x", "data: unknown source 'sentevl:/x'; did you mean 'senteval'?"),
    ],
)
def test_absent_or_unknown_source(tmp_path: Path, data: str | Mapping[str, str], message: str) -> None:
    with pytest.raises(DataError) as caught:
        resolve(data, {"ABLATE_DATA": "/no/where", "ABLATE_CACHE": str(tmp_path)})
    assert str(caught.value).startswith(message)


def test_senteval_without_its_folder() -> None:
    with pytest.raises(DataError, match="ABLATE_DATA is not set; set ABLATE_DATA to a folder"):
        resolve("senteval", {})


def test_folder_without_data_sets_is_refused(tmp_path: Path) -> None:
    environ = {"ABLATE_DATA": str(tmp_path)}
    with pytest.raises(DataError, match=r"ABLATE_DATA: no data set .* set ABLATE_DATA to"):
        resolve("auto", environ)
    inner = tmp_path / "data/downstream/STS/STSBenchmark"
    inner.mkdir(parents=True)
    (inner / "sts-test.csv").write_text(ROW)
    with pytest.raises(DataError, match=r"did you mean '.*downstream'\?"):
        resolve("auto", environ)


def test_groups_expand_on_each_source(tmp_path: Path) -> None:
    embedded = resolve("embedded", {}).source
    names = ["sts-dev", "my-task", "sts", "synthetic", "my-task"]
    assert expand(names, embedded) == ("synthetic-dev", "my-task", "synthetic")
    cached(tmp_path, *HUB)
    hub = HubCache(tmp_path / "cache/hub")
    assert expand(["stsb", "sts", "sts-train"], hub) == (
        *("stsb", "sts12", "sts13", "sts14", "sts15", "sts16"),
        *("sickr", "stsb-train"),
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stsb-dev", "'stsb-dev' is not in the source 'senteval', which has stsb; it can come from senteval (set"),
        ("sts", "'sts12' (of the group 'sts') is not in the source 'senteval', which has stsb; it can"),
        ("synthetic", "'synthetic' is not in the source 'senteval', which has stsb; it can come from embedded ("),
    ],
)
def test_set_that_the_source_lacks(folder: Path, name: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        expand(["stsb", name], SentEval(folder))
    assert str(caught.value).startswith(message)


def test_lacking_on_embedded_names_both_others() -> None:
    with pytest.raises(DataError) as caught:
        expand(["sts13"], resolve("embedded", {}).source)
    assert "'sts13' is not in the source 'embedded (synthetic)'" in str(caught.value)
    assert "senteval (set ABLATE_DATA" in str(caught.value)
    assert "`ablate data fetch`" in str(caught.value)


def test_every_known_set_has_a_provider() -> None:
    assert set(KNOWN) == {*SETS, *HUB, *resolve("embedded", {}).source.names()}
    assert providers("sickr") == ("senteval", "hub")
    assert providers("sickr-dev") == ("senteval",)
    assert providers("synthetic-dev") == ("embedded",)
    assert providers("my-task") == ()


def test_no_heavy_imports() -> None:
    heavy = "{'torch', 'transformers', 'datasets'}"
    code = f"import sys, ablate.cli.data, ablate.data.sources; print({heavy} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "set()\n"
