"""`ablate init`: the recipe is valid as it is, with every key put to use, and its comments are true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from huggingface_hub.errors import HfHubHTTPError
from transformers import PreTrainedModel

from ablate.builtin import NAMES
from ablate.cli import app
from ablate.data.names import GROUPS
from ablate.errors import ModelError
from ablate.models.load import load_model
from ablate.models.pruned import pruned_from
from ablate.models.spec import ModelSpec, Precision
from ablate.plan.make_plan import make_plan
from ablate.plugins import registry
from ablate.recipe.recipe import Recipe, load_recipe
from ablate.testing.tiny import save_tiny, tiny_model
from tests.bench import pairs
from tests.workplace import Workplace

FILE = Path("recipe.yaml")
DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")


def no_network(*_: object) -> None:
    """As of the Hub's library, whose HTTP client raises errors of its own."""
    raise HfHubHTTPError.__bases__[0]("no address\nand more lines")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workplace:
    return Workplace(tmp_path, monkeypatch, capsys)


def all_used(text: str) -> str:
    """The recipe with every key that is left out put to use."""
    return re.sub(r"^#(?=[ ]*[\w-]+:|[ ]+- )(?! \w)", "", text, flags=re.MULTILINE)


def keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for value in schema.values():
            yield from keys(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from keys(value)


def constants(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from map(str, schema.get("enum", ()))
        yield from [str(schema["const"])] if "const" in schema else []
        for value in schema.values():
            yield from constants(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from constants(value)


def test_a_hub_id_gets_its_newest_commit_and_the_recipe_keeps_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []

    def snapshot(name: str, *, revision: str, **_: object) -> str:
        asked.append((name, revision))
        return str(Path("model").absolute())

    commit = "4fc1e7bd3aa1b3e6a8a0f2e7d1c9b5a6f8e7d6c5"
    monkeypatch.setattr("ablate.models.hub.model_info", lambda name: SimpleNamespace(id=name, sha=commit))
    monkeypatch.setattr("ablate.models.hub.snapshot_download", snapshot)
    ran = place("init", "someone/encoder")
    assert ran.code == 0, ran.err
    assert ran.err.startswith(f"someone/encoder is now at commit {commit}, which the recipe has as `revision`\n")
    assert load_recipe(FILE)[0].model == [ModelSpec(name="someone/encoder", revision=commit)]
    assert asked == [("someone/encoder", commit)]
    place("init", "someone/encoder@main", "-o", "other.yaml")
    assert load_recipe("other.yaml")[0].model == [ModelSpec(name="someone/encoder", revision="main")]


def test_where_the_hub_says_no_commit_init_writes_nothing(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.models.hub.model_info", no_network)
    told = "model 'some/encoder': no such folder; valid: minilm. The Hub does not say its newest commit: no address"
    assert place.refused(place("init", "some/encoder")) == told
    monkeypatch.setattr("ablate.models.hub.model_info", lambda _: SimpleNamespace(sha=None))
    assert "give `someone/encoder@REVISION`" in place.refused(place("init", "someone/encoder"))
    assert place.files() == {}


def test_it_plans_and_runs(place: Workplace) -> None:
    ran = place("init", "model")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "recipe.yaml: a recipe for model (bert, 2 layers with 4 heads and 64 neurons each, 32 wide); "
        "next: ablate run recipe.yaml --dry-run\n"
    )
    ran = place("run", "recipe.yaml", "--dry-run", "--data", "embedded")
    assert ran.code == 0, ran.err
    assert "29 cells" in ran.out
    ran = place("run", "recipe.yaml", "--data", "embedded", "--limit", "2", "--set", "confirm=null")
    assert ran.code == 0, ran.err


def test_its_keys_and_comments_name_only_what_exists(place: Workplace) -> None:
    assert place("init", "model").code == 0
    text = FILE.read_text()
    assert set(load_recipe(FILE)[1].tree) < set(Recipe.model_fields)
    FILE.write_text(all_used(text))
    recipe, document = load_recipe(FILE)
    assert set(document.tree) == set(Recipe.model_fields)
    assert recipe.train is not None
    assert recipe.cells
    assert make_plan(recipe, document, registry()).cells
    schema = Recipe.model_json_schema()
    names = {*keys(schema), *constants(schema), *(name for kind in NAMES.values() for name in kind), *GROUPS}
    commands = {command.name for command in app.registered_commands}
    comments = "\n".join(line for line in text.splitlines() if re.match(r" *# ", line))
    told = re.findall(r"`([^`]+)`", comments)
    assert len(told) > 40
    for word in told:
        if word.startswith("ablate "):
            assert word.split()[1] in {*commands, "data"}
        elif not word.startswith(("# yaml-language-server", "--dry-run")):
            assert word in names | {"minilm", *DEVICES, *get_args(Precision)}, word


def test_what_is_left_out_has_the_default_that_is_shown(place: Workplace) -> None:
    assert place("init", "model").code == 0
    recipe = load_recipe(FILE)[0]
    differing = {name for name, field in Recipe.model_fields.items() if getattr(recipe, name) != field.get_default()}
    # What a recipe has to say, and what a first one should not wait for.
    assert differing == {"model", "scorers", "granularities", "sparsities", "seeds", "controls", "confirm"}


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "distilbert", "mpnet"])
def test_it_says_what_the_model_is(place: Workplace, family: str) -> None:
    save_tiny(place.folder / family, family, "transformers", layers=3, heads=2, neurons=48)
    assert place("init", family).code == 0
    text = FILE.read_text()
    assert f"# The model: {family}, 3 layers with 2 heads and 48 neurons each, 32 wide" in text
    layers = tiny_model(family, layers=3, heads=2, neurons=48).architecture.layers
    assert [layer.heads for layer in layers] == [2, 2, 2]
    # A bare checkpoint does not say how to pool, and would be refused.
    (spec,) = load_recipe(FILE)[0].model
    assert spec == ModelSpec(name=family, pooling="mean")
    assert load_model(spec).hash


def test_it_reads_no_weights(place: Workplace) -> None:
    save_tiny(place.folder / "cut")
    (place.folder / "cut" / "model.safetensors").write_bytes(b"")
    assert place("init", "cut").code == 0


def test_an_exported_model_has_layers_of_different_sizes(place: Workplace) -> None:
    folder = save_tiny(place.folder / "small")
    backbone = tiny_model().backbone
    assert isinstance(backbone, PreTrainedModel)
    pruned_from(backbone, [[0, 1, 2, 3], [2]], [range(64), range(10)]).save_pretrained(folder)
    assert place("init", "small").code == 0
    assert (
        "# The model: ablate-embeddings-bert, 2 layers with 1 to 4 heads and 10 to 64 neurons each" in FILE.read_text()
    )


@pytest.mark.parametrize("name", ['it\'s "the" model', "a: b #c", "null"])
def test_any_name_of_a_folder(place: Workplace, name: str) -> None:
    save_tiny(place.folder / name)
    assert place("init", name).code == 0
    assert load_recipe(FILE)[0].model[0].name == name


def test_nothing_is_written_over(place: Workplace) -> None:
    FILE.write_text("mine")
    assert place.refused(place("init", "model")) == (
        "--output recipe.yaml: already exists; name another file, or remove it first"
    )
    assert FILE.read_text() == "mine"
    Path("link.yaml").symlink_to("nowhere")
    assert "already exists" in place.refused(place("init", "model", "-o", "link.yaml"))
    assert "there is no folder" in place.refused(place("init", "model", "-o", "no/recipe.yaml"))


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("modle", "model 'modle': no such folder; did you mean 'model'?"),
        ("some/where", "model 'some/where': no such folder"),
        ("", "the model has no name; give minilm"),
        ("@main", "the model has no name; give minilm"),
        ("model@main", "`revision` is for Hub ids"),
        ("data", "no config.json"),
    ],
)
def test_an_unknown_model_is_one_line(place: Workplace, model: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ablate.models.hub.model_info", no_network)
    assert text in place.refused(place("init", model))
    assert not FILE.exists()


def test_a_config_of_nonsense_is_one_line(place: Workplace) -> None:
    save_tiny(place.folder / "odd")
    config = place.folder / "odd" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"intermediate_size": "many"}))
    assert 'its config.json says `intermediate_size: "many"`, and it must be a whole number' in place.refused(
        place("init", "odd")
    )
    with pytest.raises(ModelError, match="it must be a whole number"):
        load_model(ModelSpec(name="odd"))


def test_editors_find_the_schema_if_it_is_there(place: Workplace) -> None:
    assert place("init", "model").code == 0
    text = FILE.read_text()
    assert "`ablate schema -o ablate.schema.json`" in text
    # Only a comment that begins so counts for the language server.
    assert not re.search(r"^#\s+yaml-language-server", text, re.MULTILINE)
    ran = place("schema", "-o", "ablate.schema.json")
    assert (ran.code, ran.out) == (0, "")
    assert json.loads(Path("ablate.schema.json").read_text()) == Recipe.model_json_schema()
    assert place("init", "model", "-o", "b.yaml").code == 0
    assert Path("b.yaml").read_text().splitlines()[0] == "# yaml-language-server: $schema=ablate.schema.json"
    assert load_recipe("b.yaml")
    assert "there is no folder" in place.refused(place("schema", "-o", "no/where.json"))


def own_rows(seed: int, count: int) -> str:
    rows = (f"{a},{b},{20 * gold}\n" for a, b, gold in pairs(seed, count))
    return "text_a,text_b,similarity\n" + "".join(rows)


SMALL = (
    "--set",
    "controls.matched=1",
    "--set",
    "seeds=[0]",
    "--set",
    "sparsities=[0.25]",
    "--set",
    "granularities=[head]",
)


def test_a_file_of_ones_own_is_divided_and_runs_as_it_stands(place: Workplace) -> None:
    Path("pairs.csv").write_text(own_rows(3, 1500))
    ran = place("init", "model", "--data", "pairs.csv")
    assert (ran.code, ran.out) == (0, ""), ran.err
    assert ran.err.startswith("pairs.csv: sts, train 300, dev 450, test 750 rows\n")
    recipe = load_recipe(FILE)[0]
    assert recipe.confirm is not None
    assert (recipe.calibration.splits, recipe.screen, recipe.confirm.tasks) == (
        ("train-pairs",),
        ["dev-pairs"],
        ["test-pairs"],
    )
    ran = place("run", "recipe.yaml", "--dry-run")
    assert ran.code == 0, ran.err
    assert "train-pairs: pairs.csv (sha256 " in ran.out
    assert (
        "; 750 of 1,500 rows, by shares of train 0.2, dev 0.3, test 0.5 with seed 0, rows that share a text" in ran.out
    )
    assert "calibration on train-pairs: scores 0 to 100 count as 0 to 5, and positives have more than 80\n" in ran.out
    ran = place("run", "recipe.yaml", "--format", "json", *SMALL)
    assert ran.code == 0, ran.err
    rows = json.loads(ran.out)
    assert {(row["stage"], row["task"], row["n"]) for row in rows} == {
        ("screen", "dev-pairs", 450),
        ("confirm", "test-pairs", 750),
    }
    assert {row["status"] for row in rows} == {"ok"}


def test_two_files_of_ones_own(place: Workplace) -> None:
    Path("dev.csv").write_text(own_rows(3, 30))
    Path('a "test".csv').write_text(own_rows(4, 30))
    ran = place("init", "model", "--dev", "dev.csv", "--test", 'a "test".csv')
    assert ran.code == 0, ran.err
    recipe = load_recipe(FILE)[0]
    assert recipe.confirm is not None
    assert (recipe.calibration.splits, recipe.screen, recipe.confirm.tasks) == (
        ("sts-train",),
        ["dev"],
        ["test-a-test"],
    )
    ran = place("run", "recipe.yaml", "--dry-run", "--data", "embedded")
    assert ran.code == 0, ran.err
    FILE.unlink()
    assert place("init", "model", "--test", "dev.csv").code == 0
    assert load_recipe(FILE)[0].screen == ["sts-dev"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--data", "no.csv"), "--data no.csv: no.csv: No such file or directory"),
        (("--dev", "no.csv"), "--dev no.csv: no.csv: No such file or directory"),
        (("--data", "a.csv", "--dev", "b.csv"), "--data divides one file; give it alone, or give --dev and --test"),
    ],
)
def test_files_that_cannot_be_had(place: Workplace, given: tuple[str, ...], told: str) -> None:
    assert place.refused(place("init", "model", *given)).startswith(told)
    assert not FILE.exists()
