"""Every mistake of a user is one line with its place and a remedy, status 2, and costs nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ablate.cli import app
from ablate.store import schema
from ablate.store.store import Store
from tests.workplace import BENCHMARK, RECIPE, STORE, Workplace

KEYS = (
    "valid: calibration, cells, confirm, controls, data, device, evaluate, executor, granularities, model, near_duplicates, overlap, "
    "precision, prevalence, scopes, scorers, screen, seeds, sparsities, stability, statistics, steps, tasks, tie_seed, train,"
    " truncate_dims"
)
SPARSITY = "a sparsity is the fraction removed, a number from 0 to below 1, or `negative`, not"
DEVICE = "device: cpu (auto: there is no CUDA GPU that torch can use)"
EMPTY = "a recipe is a mapping such as `model: minilm`, see recipes/sts.yaml"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


def instead(old: str, new: str) -> str:
    assert old in RECIPE
    return RECIPE.replace(old, new)


def scorers(text: str) -> str:
    return instead("[align, random]", text)


def cell(text: str) -> str:
    return RECIPE + f"cells: [[{{granularity: head, scorer: align, {text}}}]]\n"


UNKNOWN = {
    RECIPE + "sparsity: 3\n": "8:1: unknown key 'sparsity'; did you mean 'sparsities'?",
    RECIPE + "zzzz: 3\n": f"8:1: unknown key 'zzzz'; {KEYS}",
    instead("pairs: 8", "pars: 8"): "3:15: unknown key 'pars'; did you mean 'pairs'?",
    instead("model: model", "model: {name: model, poling: cls}"): (
        "1:22: unknown key 'poling'; did you mean 'pooling'?"
    ),
    RECIPE + "controls: {match: 3}\n": "8:12: unknown key 'match'; did you mean 'matched'?",
    RECIPE + "confirm: {task: [sts]}\n": "8:11: unknown key 'task'; did you mean 'tasks'?",
    instead("senteval: data", "sentval: data"): "2:8: unknown key 'sentval'; did you mean 'senteval'?",
    cell("sparsity: 0.1, scop: layer"): "8:60: unknown key 'scop'; did you mean 'scope'?",
    scorers("[algin]"): "4:11: unknown scorer 'algin'; did you mean 'align'?",
    scorers(
        "['']"
    ): "4:11: unknown scorer ''; valid: align, combined, correlation, gates, magnitude, oracle, random, uniform",
    scorers("[{scorer: align, sgn: signed}]"): "4:27: scorer 'align': unknown parameter 'sgn'; did you mean 'sign'?",
    instead("[head]", "[head, heads]"): "5:23: unknown granularity 'heads'; did you mean 'head'?",
    instead("[head]", "[{granularity: head, min_kep: 1}]"): (
        "5:37: granularity 'head': unknown parameter 'min_kep'; did you mean 'min_keep'?"
    ),
    instead("[sts-dev]", "[sts-dev, stsdev]"): "7:19: unknown task 'stsdev'; did you mean 'sts-dev'?",
    RECIPE + "confirm: [stsb, stsbb]\n": "8:17: unknown task 'stsbb'; did you mean 'stsb'?",
    RECIPE + "confirm: {tasks: [stsb, stsbb]}\n": "8:25: unknown task 'stsbb'; did you mean 'stsb'?",
    RECIPE + "executor: {name: in-proces}\n": "8:12: unknown executor 'in-proces'; did you mean 'in-process'?",
    RECIPE + "executor: {name: in-process, jobs: 2}\n": (
        "8:30: executor 'in-process': unknown parameter 'jobs'; there is none"
    ),
    RECIPE + "executor: inprocess\n": "8:1: unknown executor 'inprocess'; did you mean 'in-process'?",
    instead("{senteval: data}", "hubb"): "2:1: unknown source 'hubb'; did you mean 'hub'?",
}

VALUES = {
    RECIPE + "seeds: [0, a]\n": "8:12: seeds.1: must be a whole number, not 'a'",
    RECIPE + "seeds: ['0']\n": "8:9: seeds.0: must be a whole number, not '0'",
    RECIPE + "seeds: [-1]\n": "8:9: seeds.0: must be at least 0, not -1",
    RECIPE + "seeds: [true]\n": "8:9: seeds.0: must be a whole number, not true",
    RECIPE + "seeds: [99999999999999999999]\n": (
        "8:9: seeds.0: must be below 9223372036854775808, not 99999999999999999999"
    ),
    RECIPE + "seeds: 0\n": "8:1: seeds: must be a list, such as [a, b], not 0",
    RECIPE + "seeds: null\n": "8:1: seeds: must be a list, such as [a, b], not null",
    RECIPE + "seeds: []\n": "8:1: seeds: must be a list that is not empty, not []",
    RECIPE + "seeds: [2001-01-01]\n": "8:9: seeds.0: must be a whole number, not '2001-01-01'",
    RECIPE + "steps: 0\n": "8:1: steps: must be at least 1, not 0",
    RECIPE + "steps: 1.5\n": "8:1: steps: must be a whole number, not 1.5",
    RECIPE + "truncate_dims: [16, 0]\n": "8:21: truncate_dims.1: must be at least 1, not 0",
    RECIPE + "truncate_dims: [16, 8.5]\n": "8:21: truncate_dims.1: must be a whole number, not 8.5",
    RECIPE + "truncate_dims: [16, 8, 16]\n": "8:1: a dimension is listed twice: '16, 8, 16'; list each once",
    RECIPE + "truncate_dims: 16\n": "8:1: truncate_dims: must be a list, such as [a, b], not 16",
    RECIPE + "scopes: [globl]\n": "8:10: scopes.0: must be 'global' or 'layer', not 'globl'; did you mean 'global'?",
    RECIPE + "overlap: dropp\n": "8:1: overlap: must be 'drop' or 'keep', not 'dropp'; did you mean 'drop'?",
    RECIPE + "controls: {flipped: 1}\n": "8:12: controls.flipped: must be true or false, not 1",
    RECIPE + "controls: [3]\n": "8:1: controls: must be a mapping, such as {key: value}, not a list",
    instead("pairs: 8", "pairs: '8'"): "3:15: calibration.pairs: must be a whole number, not '8'",
    instead("pairs: 8", "positives: golden"): (
        "3:15: calibration.positives: must be 'gold' or 'dropout' or a mapping, such as {key: value}, not 'golden'; did you mean 'gold'?"
    ),
    instead("{pairs: 8, sentences: 16, batch_size: 4}", "[8]"): (
        "3:1: calibration: must be a mapping, such as {key: value}, not a list"
    ),
    scorers("null"): "4:1: scorers: must be a list, such as [a, b], not null",
    scorers("{scorer: align}"): "4:1: scorers: must be a list, such as [a, b], not a mapping",
    scorers("[3]"): "4:11: a scorer is a name, or a mapping such as {scorer: NAME}, not 3",
    RECIPE + "executor: [in-process]\n": "8:1: an executor is a name, or a mapping such as {name: NAME}, not a list",
    scorers("[[align]]"): "4:11: a scorer is a name, or a mapping such as {scorer: NAME}, not a list",
    scorers("[{label: x}]"): "4:11: scorers.0 has no 'scorer'; add it",
    scorers("[{scorer: combined, lambda: 2}]"): "4:30: scorer 'combined', lambda: must be at most 1, not 2",
    scorers("[{scorer: combined, lambda: '0.5'}]"): "4:30: scorer 'combined', lambda: must be a number, not '0.5'",
    scorers("[{scorer: combined, lambda: true}]"): "4:30: scorer 'combined', lambda: must be a number, not true",
    scorers("[{scorer: combined, normalize: glob}]"): (
        "4:30: scorer 'combined', normalize: must be 'layer', 'global' or 'none', not 'glob'; did you mean 'global'?"
    ),
    scorers("[{scorer: align, pairs: 0}]"): "4:27: scorer 'align', pairs: must be at least 1, not 0",
    instead("[head]", "[{granularity: head, min_keep: -1}]"): (
        "5:37: granularity 'head', min_keep: must be at least 0, not -1"
    ),
    scorers("[align, {scorer: align, sign: signed}]"): (
        "4:18: 'align' is listed twice in scorers; list it once, or give one of them a label of its own"
    ),
    scorers(
        "[{scorer: align, label: ''}]"
    ): "4:27: a label is 1 to 40 printable characters, which '' is not; choose another",
    scorers(r'[{scorer: align, label: "a\nb"}]'): (
        r"4:27: a label is 1 to 40 printable characters, which 'a\nb' is not; choose another"
    ),
    scorers(f"[{{scorer: align, label: {'x' * 5000}}}]"): (
        f"4:27: a label is 1 to 40 printable characters, which '{'x' * 39}…' is not; choose another"
    ),
    scorers("[{scorer: align, label: 3}]"): "4:27: scorers.0.label: must be text, not 3",
    instead("[head]", "[head, head]"): "5:23: 'head' is listed twice in granularities; list it once",
    instead("model: model\n", ""): "1:1: the recipe has no 'model'; add it",
    instead("model: model", "model: 3"): "1:1: a model is a name, or a mapping such as {name: NAME}, not 3",
    instead("model: model", "model:"): "1:1: a model is a name, or a mapping such as {name: NAME}, not null",
    instead("model: model", "model: []"): "1:1: model: must be a list that is not empty, not []",
    instead("model: model", "model: {name: model, lineage: ''}"): (
        "1:1: model: a lineage is 1 to 40 printable characters; choose another"
    ),
    instead("model: model", "model: {name: model, lineag: a}"): "1:22: unknown key 'lineag'; did you mean 'lineage'?",
    instead("model: model", "model: {name: model, pooling: maximum}"): (
        "1:22: model.pooling: must be 'mean', 'cls', 'cls_before_pooler', 'max', 'lasttoken', 'weightedmean', "
        "'avg_first_last' or 'avg_top2', not 'maximum'; did you mean 'max'?"
    ),
    instead("{senteval: data}", "[auto]"): (
        "2:1: data is one of auto, embedded, hub, senteval, or {senteval: DIR}, not a list"
    ),
    instead("[sts-dev]", "sts-dev"): "7:1: screen: must be a list, such as [a, b], not 'sts-dev'",
    RECIPE + "confirm: stsb\n": ("8:1: confirm is a list of tasks, {tasks: [...], cells: all}, or `all`, not 'stsb'"),
    RECIPE + "confirm: {tasks: [stsb], cells: some}\n": "8:26: confirm.cells: must be 'best' or 'all', not 'some'",
    RECIPE + "confirm: []\n": "8:1: confirm: must be a list that is not empty, not []",
    RECIPE + "cells: [[]]\n": "8:9: cells.0: must be a list that is not empty, not []",
    RECIPE + "cells: [{scorer: align}]\n": "8:9: cells.0: must be a list, such as [a, b], not a mapping",
    cell("scope: layer"): "8:10: cells.0.0 has no 'sparsity'; add it",
    cell("sparsity: 0.1, seed: 1"): "8:60: scorer 'align' uses no seed; leave it out",
}

SPARSITIES = {
    "1": "1",
    "1.0": "1.0",
    "-0.1": "-0.1",
    ".nan": "NaN",
    ".inf": "Infinity",
    "true": "true",
    "null": "null",
    "half": "'half'",
    "[0.1]": "a list",
    "'0.1'": "'0.1'; write it without quotes",
    "20": "20; write 0.2 for 20 %",
    "5%": "'5%'; write 0.05 for 5 %",
}

GRIDS = {
    scorers("[]"): "4:1: empty grid: no scorers; list at least one of each",
    instead("[0.25]", "[]"): "6:1: empty grid: no sparsities; list at least one of each",
    instead("granularities: [head]\n", ""): "1:1: empty grid: no granularities; list at least one of each",
    "model: model\n": "1:1: empty grid: no scorers and no granularities and no sparsities; list at least one of each",
    instead("[sts-dev]", "[]"): "7:1: nothing to measure: no screen and no confirm tasks; list at least one",
    instead("[sts-dev]", "[]\nconfirm: [stsb]"): (
        "7:1: no screen tasks to choose the best cells on; list some, or confirm {tasks: [...], cells: all}"
    ),
}

NEGATIVE = "`negative` removes units with a contribution below 0, which scorer"
UNFIT = {
    scorers("[magnitude]").replace("0.25", "0.1, negative"): (
        f"6:19: {NEGATIVE} 'magnitude' (r.yaml:4:11) never gives; use a number, or a signed scorer (sign: signed)"
    ),
    scorers("[{scorer: align, sign: absolute}]").replace("0.25", "negative"): (
        f"6:14: {NEGATIVE} 'align' (r.yaml:4:11) never gives; use a number, or a signed scorer (sign: signed)"
    ),
    scorers("[{scorer: align, sign: signed}]").replace("0.25", "negative") + "steps: 2\n": (
        "6:14: `negative` has no equal shares to take in steps; use steps: 1"
    ),
    scorers("[gates]").replace("0.25", "negative"): (
        f"6:14: {NEGATIVE} 'gates' (r.yaml:4:11) never gives; use a number, or a signed scorer (sign: signed)"
    ),
    scorers("[gates]").replace("head", "head, unstructured"): (
        "4:11: scorer 'gates' is for head and neuron, not 'unstructured'; use another scorer there, "
        "or in a grid give it `granularities: [head, neuron]`"
    ),
    scorers("[{scorer: gates, lambda: 0.5}]"): ("4:11: scorer 'gates': lambda belongs to loss: combined; leave it out"),
    scorers("[{scorer: align, sign: absolute-example}]").replace("head", "head, unstructured"): (
        "4:27: sign: absolute-example is for head and neuron, not 'unstructured'; use sign: absolute there"
    ),
    RECIPE
    + "cells: [[{granularity: unstructured, scorer: {scorer: align, sign: absolute-example}, sparsity: 0.1}]]\n": (
        "8:62: sign: absolute-example is for head and neuron, not 'unstructured'; use sign: absolute there"
    ),
}

YAML: dict[str | bytes, str] = {
    "": f"1:1: empty; {EMPTY}",
    "# nothing\n": f"1:1: empty; {EMPTY}",
    "- model\n": f"1:1: not a mapping; {EMPTY}",
    "model\n": f"1:1: not a mapping; {EMPTY}",
    RECIPE + "seeds: [1]\nseeds: [2]\n": '9:1: found duplicate key "seeds"; keep one of the two',
    instead("pairs: 8", "pairs: 8, pairs: 9"): '3:25: found duplicate key "pairs"; keep one of the two',
    RECIPE + "controls:\n\tmatched: 1\n": (
        "9:1: not valid YAML: while scanning for the next token, found character '\\t' that cannot start any token; "
        "indent with spaces"
    ),
    RECIPE + "seeds: [1\n": (
        "9:1: not valid YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'; "
        "fix the YAML there"
    ),
    RECIPE + "seeds: *x\n": "8:8: not valid YAML: found undefined alias 'x'; fix the YAML there",
    RECIPE + "---\nmodel: x\n": (
        "8:1: not valid YAML: expected a single document in the stream, but found another document; fix the YAML there"
    ),
    RECIPE + "seeds: !!python/object:os.system [1]\n": (
        "8:1: the tag 'tag:yaml.org,2002:python/object:os.system' means nothing in a recipe; remove it"
    ),
    RECIPE + "3: 4\n": "8:1: the key 3 is not a name; use text",
    RECIPE + "null: 4\n": "8:1: the key null is not a name; use text",
    instead("pairs: 8", "[1, 2]: 8"): "3:15: the key [1, 2] is not a name; use text",
    scorers(
        r'[{scorer: align, label: "\ud83c"}]'
    ): "4:27: half of a surrogate pair, which is not a character; remove it",
    RECIPE + f"seeds: {'[' * 500}{']' * 500}\n": "8:408: nested too deeply; a recipe needs about five levels",
    RECIPE + f"seeds: {'[' * 220}{']' * 220}\n": "8:48: nested too deeply; a recipe needs about five levels",
    bytes(range(256)): "2:118: not UTF-8 text; save the recipe as UTF-8",
    RECIPE.encode("utf-16"): "1:1: not UTF-8 text; save the recipe as UTF-8",
    b"model: model\nscorers: [\0]\n": "2:11: a character that YAML forbids; remove it, or escape it",
}


def names(texts: dict[str | bytes, str] | dict[str, str]) -> list[str]:
    return [message[:50] for message in texts.values()]


@pytest.mark.parametrize(("text", "message"), UNKNOWN.items(), ids=names(UNKNOWN))
def test_unknown_names_come_with_the_nearest(text: str, message: str, place: Workplace) -> None:
    check_refusal(place, text, message)


@pytest.mark.parametrize(("text", "message"), VALUES.items(), ids=names(VALUES))
def test_wrong_types_and_values(text: str, message: str, place: Workplace) -> None:
    check_refusal(place, text, message)


@pytest.mark.parametrize(("value", "shown"), SPARSITIES.items())
def test_a_sparsity_is_a_fraction(value: str, shown: str, place: Workplace) -> None:
    check_refusal(place, instead("[0.25]", f"[0.25, {value}]"), f"6:20: {SPARSITY} {shown}")
    check_refusal(place, cell(f"sparsity: {value}"), f"8:45: {SPARSITY} {shown}")


@pytest.mark.parametrize(("text", "message"), GRIDS.items(), ids=names(GRIDS))
def test_an_empty_grid(text: str, message: str, place: Workplace) -> None:
    check_refusal(place, text, message)


@pytest.mark.parametrize(("text", "message"), UNFIT.items(), ids=names(UNFIT))
def test_scorers_that_do_not_fit(text: str, message: str, place: Workplace) -> None:
    check_refusal(place, text, message)


@pytest.mark.parametrize(("text", "message"), YAML.items(), ids=names(YAML))
def test_text_that_is_no_recipe(text: str | bytes, message: str, place: Workplace) -> None:
    check_refusal(place, text, message)


def check_refusal(place: Workplace, text: str | bytes, message: str) -> None:
    """The recipe is refused with ``message`` after ``r.yaml:``, nothing is computed, and the store stays as it was."""
    place.with_store()
    before = place.files()
    place.nothing_may_load()
    assert place.refused(place.run(text)) == f"r.yaml:{message}"
    assert place.files() == before


def test_a_recipe_that_is_not_there(place: Workplace) -> None:
    Path("rs").mkdir()
    for name in ("rs/quick.yaml", "rs/sts.yml"):
        Path(name).write_text(RECIPE)
    refused = place.refused
    assert refused(place("run", "rs/quik.yaml")) == "rs/quik.yaml: no such recipe; did you mean 'rs/quick.yaml'?"
    assert refused(place("run", "rs")) == "rs: a folder, not a recipe; valid: rs/quick.yaml, rs/sts.yml"
    nowhere = "no such recipe; name a YAML file, such as recipes/sts.yaml"
    assert refused(place("run", "no/x.yaml")) == f"no/x.yaml: {nowhere}"
    assert refused(place("run", "rs/sts.yml/x.yaml")) == f"rs/sts.yml/x.yaml: {nowhere}"
    assert refused(place("run", f"{'x' * 300}.yaml")).endswith(
        ".yaml: cannot be read (File name too long); fix that, or name another recipe"
    )
    assert place.files().keys() == {"rs/quick.yaml", "rs/sts.yml"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.b=c", f"unknown key 'a'; {KEYS}"),
        ("controls.mtched=1", "unknown key 'mtched'; did you mean 'matched'?"),
        ("novalue", "not of the form a.b=c; write it as in --set controls.matched=5"),
        ("=3", "not of the form a.b=c; write it as in --set controls.matched=5"),
        ("controls..matched=1", "not of the form a.b=c; write it as in --set controls.matched=5"),
        ("model.pooling=cls", "model is \"model\", which has no 'pooling'; set model as a whole"),
        ("scorers.0.lambda=1", "scorers.0 is \"align\", which has no 'lambda'; set scorers.0 as a whole"),
        ("sparsities.1=0.1", "sparsities is a list of length 1, numbered from 0, without '1'"),
        ("sparsities.-1=0.1", "sparsities is a list of length 1, numbered from 0, without '-1'"),
        ("sparsities.0=1", f"{SPARSITY} 1"),
        ("steps=two", "must be a whole number, not 'two'"),
        ("seeds=", "must be a list, such as [a, b], not null"),
        ("calibration.positives.file=3", "must be text, not 3"),
        ("scorers=[{scorer: combined, lambda: 2}]", "scorer 'combined', lambda: must be at most 1, not 2"),
        ("data=senteval:nowhere", "senteval: there is no folder 'nowhere'; set ABLATE_DATA to a folder like SentEval's "
         "data/downstream, or give senteval:DIR"),
        ("data.senteval=nowhere", "senteval: there is no folder 'nowhere'; set ABLATE_DATA to a folder like SentEval's "
         "data/downstream, or give senteval:DIR"),
    ],
)  # fmt: skip
def test_set(text: str, message: str, place: Workplace) -> None:
    place.nothing_may_load()
    assert place.refused(place.run(RECIPE, "--set", text)) == f"--set {text}: {message}"


def test_set_to_what_is_no_yaml(place: Workplace) -> None:
    line = place.refused(place.run(RECIPE, "--set", "seeds=[1"))
    assert line.startswith("--set seeds=[1:1:3: not valid YAML: ")
    line = place.refused(place.run(RECIPE, "--set", "controls={a: 1, a: 2}"))
    assert line == '--set controls={a: 1, a: 2}:1:8: found duplicate key "a"; keep one of the two'


GET = "set ABLATE_DATA to a folder like SentEval's data/downstream, or give senteval:DIR"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("embeded", "unknown source 'embeded'; did you mean 'embedded'?"),
        ("", "unknown source ''; valid: auto, embedded, hub, senteval, senteval:DIR"),
        ("senteval", f"senteval is asked for, but ABLATE_DATA is not set; {GET}"),
        ("senteval:", f"senteval: there is no folder ''; {GET}"),
        ("senteval:nowhere", f"senteval: there is no folder 'nowhere'; {GET}"),
        ("senteval:model", f"senteval: no data set (such as STS/STS12-en-test or SICK) in 'model'; {GET}"),
    ],
)
def test_data_flag(data: str, message: str, place: Workplace) -> None:
    place.nothing_may_load()
    assert place.refused(place.run(RECIPE, "--data", data)) == f"--data: {message}"


def test_a_source_that_is_not_there(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    place.nothing_may_load()
    line = place.refused(place.run(instead("{senteval: data}", "hub")))
    assert line.startswith("r.yaml:2:1: hub is asked for, but nothing has been fetched to ")
    assert line.endswith("; `pip install 'ablate-embeddings[hub]'`, then `ablate data fetch`")
    monkeypatch.setenv("ABLATE_DATA", "nowhere")
    said = f"ABLATE_DATA: there is no folder 'nowhere'; {GET}"
    assert place.refused(place.run(instead("data: {senteval: data}\n", ""))) == said
    assert place.refused(place.run(instead("{senteval: data}", "auto"))) == f"r.yaml:2:1: {said}"


def test_a_task_that_the_source_lacks(place: Workplace) -> None:
    place.nothing_may_load()
    line = place.refused(place.run(RECIPE + "confirm: [stsb, sts12]\n"))
    assert line.startswith("r.yaml:8:17: 'sts12' is not in the source 'senteval', which has stsb, stsb-dev, stsb-train")
    line = place.refused(place.run(RECIPE + "confirm: all\n"))
    assert line.startswith("r.yaml:8:1: 'sts12' (of the group 'sts') is not in the source 'senteval'")


DEV = BENCHMARK / "sts-dev.csv"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes().rsplit(b"\t", 2)[0])


def lose_a_column(path: Path) -> None:
    path.write_text("".join(line.replace("\t", " ", i == 1) for i, line in enumerate(path.open())))


def spoil_a_gold(path: Path) -> None:
    lines = path.read_text().split("\n")
    lines[2] = "genre\tfile\tyear\t2\thigh\ta man runs\ta dog runs"
    path.write_text("\n".join(lines))


DATA: list[tuple[Callable[[Path], object], str]] = [
    (cut, f"{DEV}:30: 5 tab-separated columns, expected at least 7; correct the line"),
    (lose_a_column, f"{DEV}:2: 6 tab-separated columns, expected at least 7; correct the line"),
    (spoil_a_gold, f"{DEV}:3: gold score 'high' is not a number; correct the line"),
    (lambda path: path.write_text("") and None, f"{DEV}:1: the file is empty; copy it again"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), DATA, ids=["cut short", "columns", "gold", "empty"])
def test_broken_data_are_found_before_the_model_is_loaded(
    spoil: Callable[[Path], object], message: str, place: Workplace
) -> None:
    spoil(DEV)
    check_refusal_of(place, message)


def check_refusal_of(place: Workplace, message: str) -> None:
    place.with_store()
    before = place.files()
    place.nothing_may_load()
    assert place.refused(place.run(RECIPE)) == message
    assert place.files() == before


def test_missing_data(place: Workplace) -> None:
    DEV.unlink()
    place.nothing_may_load()
    line = place.refused(place.run(RECIPE))
    assert line.startswith("r.yaml:7:10: 'stsb-dev' (of the group 'sts-dev') is not in the source 'senteval'")


def test_what_is_found_late_loses_nothing(place: Workplace) -> None:
    """Test sets are read after the choice: a broken one stops the run, and the cells of before stay."""
    (BENCHMARK / "sts-test.csv").write_text("genre\tfile\tyear\t0\tx\ta\tb\n")
    ran = place.run(RECIPE + "confirm: [stsb]\n")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines()[-1] == (
        f"ablate: {BENCHMARK}/sts-test.csv:1: gold score 'x' is not a number; correct the line"
    )
    # In the table, and in the answer.
    assert place("show").out.count("head × align 25 %") == 2
    place.nothing_may_load()
    shutil.rmtree("data")
    assert place("show").code == 0


def weightless(model: Path) -> None:
    (model / "model.safetensors").unlink()


def pickled(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def foreign(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"model_type": "gpt2"}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (weightless, "no weights (model.safetensors) in mine; save the model there"),
        (pickled, "mine/pytorch_model.bin is pickled, and unpickling can run any code"),
        (foreign, "architecture 'gpt2' is not supported; supported: bert, roberta, xlm-roberta, camembert"),
        (shutil.rmtree, "no such folder; did you mean 'model'?"),
    ],
)
def test_broken_models(spoil: Callable[[Path], object], message: str, place: Workplace) -> None:
    assert place.run(RECIPE).code == 0
    shutil.copytree("model", "mine")
    spoil(Path("mine"))
    name = "mine" if Path("mine").exists() else "./modle"
    ran = place.run(instead("model: model", f"model: {name}"))
    assert (ran.code, ran.out) == (2, "")
    *notes, line = ran.err.splitlines()
    # A name that is no model's is a mistake in the recipe, which is seen before anything is read.
    there = Path("mine").exists()
    assert line.startswith(f"ablate: {'' if there else 'r.yaml:1:1: '}model '{name}': {message}")
    assert notes == (["data: senteval (asked for by its folder)", DEVICE] if there else [])
    assert "head × align 25 %" in place("show").out


def test_a_hub_id_needs_a_revision(place: Workplace) -> None:
    ran = place.run(instead("model: model", "model: someone/encoder"))
    assert ran.code == 2
    remedy = "add `revision: <commit>`, as `ablate init someone/encoder` does: what a name points to may change"
    assert remedy in ran.err.splitlines()[-1]


def another_programs(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("create table notes (text)")
    connection.close()


def newer(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"update ablate_meta set version = {schema.VERSION + 1}")
    connection.close()


STORES: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path.write_text("a diary\n") and None,
     "the store s.db is not a SQLite database: give another --store"),
    (another_programs, "the store s.db is the database of another program: give another --store"),
    (newer, f"the store s.db was made by a newer ablate (schema {schema.VERSION + 1}, this one supports {schema.VERSION}):"
            " update ablate, or give another --store"),
    (Path.mkdir, "the store s.db is a folder: name a file in it, such as s.db/ablate.db"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), STORES, ids=["text", "another program's", "newer", "folder"])
@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_stores_that_are_not_ours(
    make: Callable[[Path], object], message: str, flags: tuple[str, ...], place: Workplace
) -> None:
    make(Path("s.db"))
    before = place.files()
    place.nothing_may_load()
    assert place.refused(place.run(RECIPE, "--store", "s.db", *flags)) == message
    assert place.files() == before


@pytest.mark.parametrize("flags", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_a_store_in_no_folder(flags: tuple[str, ...], place: Workplace) -> None:
    place.nothing_may_load()
    line = place.refused(place.run(RECIPE, "--store", "no/s.db", *flags))
    assert line.startswith("the store no/s.db: there is no folder ")
    assert line.endswith("/no: make it, or give another --store")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("no/rows.json", "there is no folder no; make it first"),
        ("data", "is a folder; name a file"),
        ("r.yaml", "is the recipe or the store; name another file"),
        (STORE, "is the recipe or the store; name another file"),
        ("data/../ablate.db", "is the recipe or the store; name another file"),
    ],
)
def test_output_is_checked_first(output: str, message: str, place: Workplace) -> None:
    place.with_store()
    before = place.files()
    place.nothing_may_load()
    assert place.refused(place.run(RECIPE, "--output", output)) == f"--output {output}: {message}"
    assert place.files() == before
    assert Path("r.yaml").read_text() == RECIPE


@pytest.mark.parametrize("ending", ["yaml", "YML"])
def test_no_output_takes_the_place_of_a_recipe(ending: str, place: Workplace) -> None:
    other = Path(f"other.{ending}")
    other.write_text("# written by hand\n")
    place.nothing_may_load()
    line = place.refused(place.run(RECIPE, "--output", str(other)))
    assert line == f"--output {other}: already exists; name another file, or remove it first"
    for command in ("report", "show"):
        refused = CliRunner().invoke(app, [command, "--output", str(other)])
        assert str(refused.exception) == line
    assert other.read_text() == "# written by hand\n"


@pytest.mark.parametrize("flags", [("--limit", "0"), ("--limit", "x"), ("--format", "xml"), ("--no-such",)])
def test_flags_that_the_parser_refuses(flags: tuple[str, ...], place: Workplace) -> None:
    place.nothing_may_load()
    ran = place.run(RECIPE, *flags)
    assert (ran.code, ran.out) == (2, "")
    assert flags[0] in ran.err
    assert place.files() == {}
