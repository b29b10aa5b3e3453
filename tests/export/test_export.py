"""``ablate export``: the folder is the model that was measured, or there is no folder."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel
from typer.testing import CliRunner, Result

import ablate
from ablate.cli import app
from ablate.errors import AblateError, ModelError
from ablate.export import export as exporting
from ablate.export.check import by_onnx_runtime, difference
from ablate.export.export import export, load
from ablate.export.folder import IMPORT, write_model
from ablate.export.measure import measure
from ablate.export.onnx import example, write_onnx
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked
from ablate.models.spec import ModelSpec, Pooling
from ablate.plugins import registry
from ablate.report.results import Results
from ablate.report.stored_cell import Exportable, exportable
from ablate.store.store import Store
from ablate.testing.tiny import save_tiny
from tests.bench import Bench, known, module_bench  # noqa: F401  # one is a fixture

SENTENCES = ["the man plays", "a dog runs in the big red house now", "x"]


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    return bench.run(
        scorers=["magnitude", "random"],
        granularities=["head", "unstructured"],
        seeds=[0, 1],
        scopes=["global"],
        cells=[
            [{"granularity": "neuron", "scorer": "magnitude", "sparsity": 0.25, "scope": "layer"}],
            [
                {"granularity": "head", "scorer": "magnitude", "sparsity": 0.4},
                {"granularity": {"granularity": "neuron", "min_keep": 3}, "scorer": "magnitude", "sparsity": 0.1},
            ],
        ],
        confirm=["stsb"],
        controls={"matched": 2},
        statistics={"resamples": 200},
    )


def chosen(bench: Bench, results: Results, name: str) -> Exportable:
    with Store(bench.store, create=False) as store:
        return exportable(results, store, registry(), name)


def command(bench: Bench, results: Results, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", *arguments, "--store", str(bench.store), "--run", results.about.run])


def said(result: Result) -> str:
    assert isinstance(result.exception, AblateError), result.output
    return str(result.exception)


CELL = "head magnitude 25 %"
BOTH = "head magnitude 40 % > neuron magnitude 10 %"


def test_the_command_shows_the_difference_the_costs_and_the_scores(
    bench: Bench, results: Results, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    result = command(bench, results, BOTH, "-o", str(folder))
    assert result.exit_code == 0, (result.output, result.exception)
    for text in (
        BOTH,
        "largest difference",
        "parameters",
        "sentences a second",
        "peak memory",
        "stsb (test)",
        IMPORT,
    ):
        assert text in " ".join(result.output.split())
    manifest = json.loads((folder / "ablate.json").read_text())
    assert manifest["difference"] <= 1e-5
    assert manifest["cell"] == BOTH
    assert {row["task"] for row in manifest["rows"]} == {"stsb-dev", "stsb"}
    assert manifest["cost"]["flops"] < manifest["dense"]["flops"]
    assert manifest["cost"]["parameters"] == manifest["parameters"] < manifest["dense"]["parameters"]
    # What materializing would remove is what is gone.
    row = manifest["rows"][0]
    assert row["params_total"] - manifest["parameters"] == row["params_removed"]
    assert manifest["zeros"] == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.fixture(scope="module")
def folder(bench: Bench, results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("export") / "model"
    export(chosen(bench, results, BOTH), results, made, costs=False)
    return made


def embeddings_in_a_fresh_process(folder: Path, line: str) -> np.ndarray:
    code = f"{line}\nimport sys, json\nfrom sentence_transformers import SentenceTransformer\n"
    code += f"print(json.dumps(SentenceTransformer(sys.argv[1], device='cpu').encode({SENTENCES!r}).tolist()))"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    return np.array(json.loads(done.stdout))


def masked_embeddings(cell: Exportable) -> np.ndarray:
    with masked(cell.model, cell.keep):
        return encode(cell.model, prepare(cell.model, SENTENCES)).numpy()


def test_the_cards_own_code_gives_the_masked_models_embeddings(bench: Bench, results: Results, folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert "\n# model without 3 of 8 heads and 13 of 128 neurons\n" in card
    snippets = [part.split("```")[0] for part in card.split("```python\n")[1:]]
    assert len(snippets) == 2
    for code, shown, expected_output in zip(
        snippets, ("embeddings.shape", "nearest in texts"), ("(2, 32)", "True"), strict=True
    ):
        assert code.startswith("import ablate.models.pruned")
        done = subprocess.run(
            [sys.executable, "-c", f"{code}print({shown})"],
            capture_output=True,
            text=True,
            check=True,
            cwd=folder.parent,  # where the folder's name is a path to it
        )
        assert done.stdout.strip() == expected_output
    expected = masked_embeddings(chosen(bench, results, BOTH))
    for found in (
        embeddings_in_a_fresh_process(folder, "import ablate.models.pruned"),
        ablate.load(folder).encode(SENTENCES),
        encode(load_model(ModelSpec(name=str(folder))), prepare(load_model(ModelSpec(name=str(folder))), SENTENCES)),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_exported_model_can_be_ablated_again(bench: Bench, folder: Path) -> None:
    again = bench.run(model=str(folder), granularities=["head", "neuron"], screen=["stsb-dev"])
    assert {row.status for row in again.rows} == {"ok"}


def test_an_even_loss_of_neurons_needs_no_ablate(bench: Bench, results: Results, tmp_path: Path) -> None:
    cell = chosen(bench, results, "neuron magnitude 25 % by layer")
    made = export(cell, results, tmp_path / "out", costs=False)
    assert made.plain
    assert "ablate.models" not in (tmp_path / "out" / "README.md").read_text()
    blocked = "import sys; sys.modules['ablate'] = None"
    found = embeddings_in_a_fresh_process(tmp_path / "out", blocked)
    np.testing.assert_allclose(found, masked_embeddings(cell), atol=1e-5)


def test_single_weights_are_counted_as_zeros(bench: Bench, results: Results, tmp_path: Path) -> None:
    made = export(chosen(bench, results, "unstructured magnitude 25 %"), results, tmp_path / "out", costs=False)
    assert made.plain
    assert made.zeros == known(made.rows[0].params_removed) > 0
    assert made.parameters == made.rows[0].params_total


@pytest.mark.parametrize("name", [BOTH, "unstructured magnitude 25 %"])
def test_an_onnx_model_runs_with_onnx_runtime_and_tokenizers_alone(
    bench: Bench, results: Results, name: str, tmp_path: Path
) -> None:
    cell = chosen(bench, results, name)
    made = export(cell, results, tmp_path / "out", onnx=True, costs=False)
    assert made.onnx is not None
    assert made.onnx.difference <= 1e-4
    card = (tmp_path / "out" / "README.md").read_text()
    code = card.split("```python\n")[3].split("```")[0]
    assert len(code.strip().splitlines()) <= 12
    sentences = [*SENTENCES, " ".join(SENTENCES * 20)]
    code = code.replace("['A sentence.', 'Another one.']", repr(sentences))
    blocked = "import sys\nfor name in ('ablate', 'torch', 'transformers'): sys.modules[name] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}{code}\nprint(embeddings.tolist())"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    with masked(cell.model, cell.keep):
        expected = encode(cell.model, prepare(cell.model, sentences)).numpy()
    np.testing.assert_allclose(np.array(json.loads(done.stdout)), expected, atol=1e-4)


def test_without_its_extra_onnx_says_what_to_install(
    bench: Bench, results: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        AblateError, match=r"--onnx needs the package 'onnxscript'; run `pip install 'ablate-embeddings\[onnx\]'`"
    ):
        export(chosen(bench, results, BOTH), results, tmp_path / "out", onnx=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pooling", ["mean", "cls", "cls_before_pooler"])
def test_a_pooling_of_the_recipes_is_written_into_the_folder(pooling: Any, tmp_path: Path) -> None:
    from ablate.export.smaller import smaller
    from ablate.granularities.head import Head

    spec = ModelSpec(name=str(save_tiny(tmp_path / "in", format="transformers")), pooling=pooling, max_length=12)
    model = load_model(spec)
    keep = Head().keep(model, torch.tensor([True] * 3 + [False] + [True] * 4))
    write_model(spec, "", smaller(model, keep), tmp_path / "out")
    long = [*SENTENCES, "the man plays in the big red house " * 5]
    with masked(model, keep):
        expected = encode(model, prepare(model, long)).numpy()
    np.testing.assert_allclose(load(tmp_path / "out").encode(long), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", [None, "mean"])
@pytest.mark.parametrize("include", [True, False])
def test_a_prompt_is_written_into_the_folder_and_the_onnx_model(pooling: Any, include: bool, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "in")
    prompts = {"prompts": {"query": "the dog reads "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    config = folder / "1_Pooling" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"include_prompt": include}))
    spec = ModelSpec(name=str(folder), pooling=pooling)
    model = load_model(spec)
    assert model.encoding.prompt == "the dog reads "
    assert isinstance(model.backbone, PreTrainedModel)
    write_model(spec, model.encoding.prompt, model.backbone, tmp_path / "out")
    expected = encode(model, prepare(model, SENTENCES)).numpy()
    np.testing.assert_allclose(load(tmp_path / "out").encode(SENTENCES), expected, atol=1e-5)
    write_onnx(tmp_path / "out")
    actual = by_onnx_runtime(example(str(tmp_path / "out"), model, SENTENCES))
    np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.mark.parametrize("pooling", ["lasttoken", "avg_first_last"])
def test_onnx_of_other_poolings(pooling: Pooling, tmp_path: Path) -> None:
    spec = ModelSpec(name=str(save_tiny(tmp_path / "in")), pooling=pooling)
    model = load_model(spec)
    assert isinstance(model.backbone, PreTrainedModel)
    write_model(spec, "", copy.deepcopy(model.backbone), tmp_path / "out")
    write_onnx(tmp_path / "out")
    expected = encode(model, prepare(model, SENTENCES)).numpy()
    actual = by_onnx_runtime(example(str(tmp_path / "out"), model, SENTENCES))
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def test_a_model_that_torch_cannot_export_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.onnx.OnnxExporterError("a guard\nand a thousand lines")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(AblateError, match=r"^--onnx: torch cannot export this model \(.*a guard\); export it without"):
        write_onnx(save_tiny(tmp_path / "in"))


def test_a_half_precision_original_is_named_with_both_sizes(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bench.model, tmp_path / "half")
    file = tmp_path / "half" / "model.safetensors"
    weights = {name: tensor.half() for name, tensor in load_file(file).items()}
    save_file(weights, file, metadata={"format": "pt"})
    monkeypatch.chdir(tmp_path)
    results = bench.run(store=tmp_path / "half.db", model="half")
    with Store(tmp_path / "half.db", create=False) as store:
        cell = exportable(results, store, registry(), CELL)
    made = export(cell, results, tmp_path / "out", costs=False)
    assert (made.original.bytes, made.original.dtype) == (file.stat().st_size, "float16")
    mib = f"{made.size / 2**20:.2f} MiB; those of the original model: {file.stat().st_size / 2**20:.2f} MiB."
    said = " ".join((tmp_path / "out" / "README.md").read_text().split())
    assert f"Weights on disk: {mib} The original's are float16. The exported ones are float32, in which" in said


def test_the_cost_of_a_model_is_its_own(bench: Bench) -> None:
    cost = measure(ModelSpec(name=str(bench.model)), SENTENCES)
    model = load_model(ModelSpec(name=str(bench.model)))
    assert cost.parameters == sum(p.numel() for p in model.backbone.parameters())
    tokens = [len(ids) for ids in model.tokenize(SENTENCES)]
    linear = 2 * 2 * (4 * 32 * 32 + 2 * 32 * 64)  # layers, multiply and add, four square matrices, two of the FFN
    padded = max(tokens) * len(tokens)
    assert cost.flops * len(tokens) >= linear * padded
    assert cost.flops * len(tokens) < 1.5 * linear * padded


def test_the_scores_are_those_of_the_run_that_confirmed_the_cell(bench: Bench, tmp_path: Path) -> None:
    """A later run that screens the same cell must not take its test scores off the card."""
    store = tmp_path / "runs.db"
    confirmed = bench.run(store=store, confirm=["stsb"], controls={"matched": 0})
    screened = bench.run(store=store, controls={"matched": 0})

    def exported(name: str, *arguments: str) -> str:
        done = CliRunner().invoke(
            app, ["export", CELL, "-o", str(tmp_path / name), "--no-costs", "--store", str(store), *arguments]
        )
        assert done.exit_code == 0, done.output
        return " ".join((tmp_path / name / "README.md").read_text().split())

    newest = exported("newest")
    assert "stsb (test)" in newest
    assert "Not confirmed" not in newest
    assert f"run: `{confirmed.about.run}`" in newest
    asked = exported("asked", "--run", screened.about.run)
    assert "stsb (test)" not in asked
    assert "Not confirmed: the scores" in asked
    assert f"Run {confirmed.about.run} confirmed this cell; its scores are the ones to report." in asked
    alone = tmp_path / "alone.db"
    bench.run(store=alone, controls={"matched": 0})
    store = alone
    never = exported("never")
    assert "Not confirmed: the scores" in never
    assert "confirmed this cell" not in never


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dense", "'dense' is the original model"),
        ("head × random 25 %", "matches 2 cells; name one by its key: 'head random 25 % seed 0'"),
        ("head × magnitude 30 %", "the run has no cell 'head × magnitude 30 %'"),
    ],
)
def test_what_cannot_be_exported_is_named(
    bench: Bench, results: Results, name: str, message: str, tmp_path: Path
) -> None:
    assert message in said(command(bench, results, name, "-o", str(tmp_path / "out")))
    assert list(tmp_path.iterdir()) == []


def test_a_matched_control_can_be_exported_by_its_key(bench: Bench, results: Results, tmp_path: Path) -> None:
    row = next(row for row in results.rows if row.control == "matched")
    made = export(chosen(bench, results, row.key), results, tmp_path / "out", costs=False)
    assert made.cell == row.cell


def test_a_folder_that_is_there_is_left_alone(bench: Bench, results: Results, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine").write_text("x")
    assert "already exists" in said(command(bench, results, BOTH, "-o", str(target)))
    assert [file.name for file in target.iterdir()] == ["mine"]
    assert "there is no folder" in said(command(bench, results, BOTH, "-o", str(tmp_path / "no" / "out")))


def test_a_model_that_changed_since_the_run_is_refused(bench: Bench, results: Results) -> None:
    kept = (bench.model / "model.safetensors").read_bytes()
    try:
        save_tiny(bench.model, seed=1)
        with pytest.raises(ModelError, match="has changed since the run"):
            chosen(bench, results, BOTH)
    finally:
        (bench.model / "model.safetensors").write_bytes(kept)


def test_a_mask_that_the_store_lost_is_named(bench: Bench, results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "mask_keys", lambda *_: [])
    with pytest.raises(AblateError, match="has no mask of 'head magnitude 40 %"):
        chosen(bench, results, BOTH)


def test_another_model_is_not_kept(
    bench: Bench, results: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cell = chosen(bench, results, BOTH)

    def spoiled(model: Any, keep: Any) -> Any:
        made = exporting_smaller(model, keep)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.mul_(1.001)
        return made

    exporting_smaller = exporting.smaller  # type: ignore[attr-defined]
    monkeypatch.setattr(exporting, "smaller", spoiled)
    with pytest.raises(
        AblateError, match=r"of the exported model differ from the masked model's by .*; nothing was written"
    ):
        export(cell, results, tmp_path / "out", costs=False)
    assert list(tmp_path.iterdir()) == []


def test_a_difference_is_relative_and_never_passes_as_no_number() -> None:
    one = np.ones((2, 3), np.float32)
    assert difference(one, one + 8e-6, 1e-5, "x") == pytest.approx(8e-6, rel=0.05)
    assert difference(10 * one, 10 * one + 8e-5, 1e-5, "x") == pytest.approx(8e-6, rel=0.05)
    for other in (one * np.nan, one + 2e-5, one[:, :2]):
        with pytest.raises(AblateError, match="nothing was written$"):
            difference(one, other, 1e-5, "x")


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files")
def test_a_full_disk_leaves_nothing(bench: Bench, results: Results, tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "from ablate.cli import main\nsys.argv = ['ablate', *sys.argv[1:]]\nmain()"
    )
    arguments = ["export", BOTH, "-o", str(tmp_path / "out"), "--store", str(bench.store), "--no-costs"]
    arguments += ["--run", results.about.run]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith(f"ablate: --output {tmp_path / 'out'}: cannot be written")
    assert list(tmp_path.iterdir()) == []


def test_a_card_obeys_nothing_that_a_name_says(bench: Bench, tmp_path: Path) -> None:
    label = "</code>`|<script>alert(1)</script>"
    results = bench.run(scorers=[{"scorer": "magnitude", "label": label}], screen=["stsb-dev"])
    row = next(row for row in results.rows if row.scorer == label)
    export(chosen(bench, results, row.key), results, tmp_path / "out", costs=False)
    card = (tmp_path / "out" / "README.md").read_text().split("## Where it came from")[0]
    assert "<script>" not in card


def test_what_is_published_names_no_place_of_the_machine(bench: Bench, folder: Path) -> None:
    for name in ("README.md", "ablate.json", "config.json", "config_sentence_transformers.json"):
        text = (folder / name).read_text()
        assert str(bench.root) not in text, name
        assert str(folder.parent) not in text, name


def test_without_ablate_the_error_names_its_package(folder: Path) -> None:
    """All that a stranger sees is the type of the model, in the error of transformers."""
    code = (
        "import sys\nsys.modules['ablate'] = None\nfrom sentence_transformers import SentenceTransformer\n"
        "SentenceTransformer(sys.argv[1], device='cpu')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert "has model type `ablate-embeddings-bert`" in done.stderr
    assert "pip install ablate-embeddings, then import" in json.loads((folder / "config.json").read_text())["needs"]
