"""The table of docs/encoders.md: what each family of models can do, cell by cell, on its tiny model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.errors import ModelError
from ablate.export.check import by_onnx_runtime, reloaded
from ablate.export.folder import plain, write_model
from ablate.export.onnx import example, write_onnx
from ablate.export.smaller import smaller
from ablate.granularities.kv_group import KvGroup
from ablate.granularities.neuron import Neuron
from ablate.models.architectures import architecture_of, supported
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked, merge, removed_parameters
from ablate.models.materialize import remaining_units
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny

PAGE = Path(__file__).parents[2] / "docs" / "encoders.md"
COLUMNS = ("family", "heads", "neurons", "uneven layers", "even layers", "ONNX")
SENTENCES = ["a cat plays", "the man and the woman read a small new book in the big red house", "x"]


def table() -> dict[str, dict[str, str]]:
    """The rows of the page's table by family, as column -> cell."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    header = next(row for row in rows if row[0] == "family")
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows if row[0] in supported()}


def test_the_table_has_every_family_and_no_other_columns() -> None:
    rows = table()
    assert list(rows) == list(supported())
    assert {tuple(row) for row in rows.values()} == {(*COLUMNS[:1], "examples", *COLUMNS[1:])}


def folder_of(tmp_path: Path, family: str) -> tuple[Path, Model]:
    folder = save_tiny(tmp_path / family, family)
    return folder, load_model(ModelSpec(name=str(folder)))


def units(count: int, *gone: int) -> Tensor:
    mask = torch.ones(count, dtype=torch.bool)
    mask[list(gone)] = False
    return mask


def uneven(model: Model) -> dict[str, Tensor]:
    """A key/value head of the first layer goes with its queries, and neurons of both layers."""
    groups = len(KvGroup().layers(model))
    return merge([KvGroup().keep(model, units(groups, 1)), Neuron().keep(model, units(128, 3, 70, 71))])


def even(model: Model) -> dict[str, Tensor]:
    """As many neurons go from each layer, and where queries are grouped also a group."""
    keep = Neuron().keep(model, units(128, 3, 70))
    layer = model.architecture.layers[0]
    return keep if layer.groups == layer.heads else merge([keep, KvGroup().keep(model, units(4, 0, 3))])


def dense(model: Model) -> int:
    return sum(parameter.numel() for parameter in model.backbone.parameters())


def under(model: Model, keep: dict[str, Tensor]) -> NDArray[np.float32]:
    with masked(model, keep):
        found: NDArray[np.float32] = encode(model, prepare(model, SENTENCES)).numpy()
        return found


@pytest.mark.parametrize("family", supported())
def test_what_is_cut_out(family: str, tmp_path: Path) -> None:
    """Heads: yes, by key/value head, or not (they stay as zeros). Neurons: always."""
    _, model = folder_of(tmp_path, family)
    heads, neurons = remaining_units(model, uneven(model))
    first = model.architecture.layers[0]
    removed = first.heads - len(heads[0])
    cell = "as zeros" if removed == 0 else "yes" if removed == 1 else "by `kv-group`"
    assert table()[family]["heads"] == cell.strip("`")
    assert [len(kept) for kept in neurons] == [63, 62]
    assert table()[family]["neurons"] == "yes"


@pytest.mark.parametrize("family", supported())
def test_layers_that_differ(family: str, tmp_path: Path) -> None:
    """They are saved as a type that ablate registers, and reloaded in a fresh process, or refused in one line."""
    folder, model = folder_of(tmp_path, family)
    keep = uneven(model)
    spec = ModelSpec(name=str(folder))
    if table()[family]["uneven layers"] == "no":
        with pytest.raises(ModelError, match="equally many neurons in all layers"):
            smaller(model, keep)
        return
    assert table()[family]["uneven layers"] == "yes"
    made = tmp_path / "made"
    write_model(spec, "", smaller(model, keep), made)
    assert not plain(made)
    again = load_model(ModelSpec(name=str(made)))
    assert architecture_of(again.backbone).layers[0].heads < model.architecture.layers[0].heads  # type: ignore[arg-type]
    np.testing.assert_allclose(under(again, {}), under(model, keep), rtol=0, atol=1e-5)


_ALONE = """
import json, sys
sys.modules["ablate"] = None
from sentence_transformers import SentenceTransformer
folders, sentences = json.load(sys.stdin)
found = [SentenceTransformer(folder, device="cpu", local_files_only=True).encode(sentences) for folder in folders]
print(json.dumps([embeddings.tolist() for embeddings in found]))
"""


def test_layers_that_are_alike_load_in_sentence_transformers_alone(tmp_path: Path) -> None:
    """All families in one fresh process, in which ablate cannot be imported."""
    expected, folders = {}, []
    for family in supported():
        assert table()[family]["even layers"] == "yes"
        folder, model = folder_of(tmp_path, family)
        keep = even(model)
        expected[family] = under(model, keep)
        made = smaller(model, keep)
        assert made.config.model_type == family
        assert sum(p.numel() for p in made.parameters()) == dense(model) - removed_parameters(keep)
        write_model(ModelSpec(name=str(folder)), "", made, tmp_path / f"{family}-smaller")
        folders.append(str(tmp_path / f"{family}-smaller"))
    command = [sys.executable, "-c", _ALONE]
    given = json.dumps([folders, SENTENCES])
    found = json.loads(subprocess.run(command, input=given, capture_output=True, check=True, text=True).stdout)
    for family, embeddings in zip(expected, found, strict=True):
        np.testing.assert_allclose(np.array(embeddings), expected[family], rtol=0, atol=1e-5, err_msg=family)


@pytest.mark.slow
@pytest.mark.parametrize("family", supported())
def test_layers_that_differ_reload_in_sentence_transformers(family: str, tmp_path: Path) -> None:
    """In a fresh process, after the import that the card of the model names."""
    if table()[family]["uneven layers"] == "no":
        pytest.skip("they cannot be saved")
    folder, model = folder_of(tmp_path, family)
    keep = uneven(model)
    write_model(ModelSpec(name=str(folder)), "", smaller(model, keep), tmp_path / "made")
    found = reloaded(tmp_path / "made", SENTENCES, torch.device("cpu"))
    np.testing.assert_allclose(found, under(model, keep), rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("family", supported())
def test_onnx(family: str, tmp_path: Path) -> None:
    folder, model = folder_of(tmp_path, family)
    keep = even(model)
    made = tmp_path / "made"
    write_model(ModelSpec(name=str(folder)), "", smaller(model, keep), made)
    assert table()[family]["ONNX"] == "yes"
    write_onnx(made)
    found = by_onnx_runtime(example(str(made), model, SENTENCES))
    np.testing.assert_allclose(found, under(model, keep), rtol=0, atol=1e-4)
