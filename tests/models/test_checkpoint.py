"""The files of a checkpoint: shards, other number types, and pickles with a remedy that works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoModel

import ablate.models.hub
from ablate.errors import ModelError
from ablate.export.folder import original_weights
from ablate.models.checkpoint import weights_files
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny

SENTENCES = ["a cat plays", "The Dog runs in red!", "x"]
FORMATS = ("sentence-transformers", "transformers")


def sharded(folder: Path, format: Any) -> Path:
    save_tiny(folder, format=format)
    model = AutoModel.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert not (folder / "model.safetensors").exists()
    return folder


def with_dense(folder: Path) -> Path:
    save_tiny(folder / "bare", format="transformers")
    modules = [Transformer(str(folder / "bare")), Pooling(32), Dense(32, 12)]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder / "model"), create_model_card=False)
    return folder / "model"


def pickle(part: Path) -> None:
    torch.save(load_file(part / "model.safetensors"), part / "pytorch_model.bin")
    (part / "model.safetensors").unlink()


@pytest.mark.parametrize("format", FORMATS)
def test_shards_are_one_model_and_all_must_be_there(format: Any, tmp_path: Path) -> None:
    whole = load_model(ModelSpec(name=str(save_tiny(tmp_path / "whole", format=format)), pooling="mean"))
    folder = sharded(tmp_path / "shards", format)
    spec = ModelSpec(name=str(folder), pooling="mean")
    model = load_model(spec)
    assert model.hash == whole.hash
    assert torch.equal(encode(model, prepare(model, SENTENCES)), encode(whole, prepare(whole, SENTENCES)))
    files = weights_files(folder, "")
    assert len(files) > 2
    assert original_weights(spec).dtype == "float32"
    files[1].unlink()
    with pytest.raises(
        ModelError, match=rf"1 of the {len(files)} files of weights are missing, such as .*{files[1].name}"
    ):
        load_model(spec)
    (folder / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelError, match=r"index.json is not an index of weights; save or download it again"):
        load_model(spec)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("format", FORMATS)
def test_other_types_are_converted_which_is_said_once(format: Any, dtype: torch.dtype, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path, format=format)
    assert load_model(ModelSpec(name=str(folder), pooling="mean")).remarks == ()
    AutoModel.from_pretrained(folder).to(dtype).save_pretrained(folder)
    assert str(dtype).endswith(json.loads((folder / "config.json").read_text())["dtype"])
    for pooling in ("mean", "cls", *([None] if format == "sentence-transformers" else [])):
        model = load_model(ModelSpec(name=str(folder), pooling=pooling))
        name = str(dtype).removeprefix("torch.")
        assert model.remarks == (f"weights of the checkpoint are {name}; they are converted to float32",)
        assert {tensor.dtype for tensor in model.network.parameters()} == {torch.float32}
    library = SentenceTransformer(str(tmp_path), device="cpu", model_kwargs={"dtype": torch.float32})
    if format == "sentence-transformers":
        actual, expected = encode(model, prepare(model, SENTENCES)), torch.tensor(library.encode(SENTENCES))
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


def test_a_dense_module_of_another_type(tmp_path: Path) -> None:
    folder = with_dense(tmp_path)
    file = folder / "2_Dense" / "model.safetensors"
    save_file({name: tensor.bfloat16() for name, tensor in load_file(file).items()}, file)
    model = load_model(ModelSpec(name=str(folder)))
    assert model.remarks == ("weights of the checkpoint are bfloat16; they are converted to float32",)
    expected = torch.tensor(SentenceTransformer(str(folder), device="cpu").encode(SENTENCES))
    torch.testing.assert_close(encode(model, prepare(model, SENTENCES)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("parts", [["2_Dense"], ["."], [".", "2_Dense"]])
def test_the_remedy_for_pickles_works(parts: list[str], tmp_path: Path) -> None:
    folder = with_dense(tmp_path)
    expected = load_model(ModelSpec(name=str(folder)))
    for part in parts:
        pickle(folder / part)
    with pytest.raises(
        ModelError, match=r"pytorch_model.bin is pickled.*load the model with SentenceTransformer, save"
    ):
        load_model(ModelSpec(name=str(folder)))
    SentenceTransformer(str(folder), device="cpu").save_pretrained(str(tmp_path / "again"), create_model_card=False)
    model = load_model(ModelSpec(name=str(tmp_path / "again")))
    assert (model.hash, model.encoding) == (expected.hash, expected.encoding)


def test_a_dense_module_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = with_dense(tmp_path)
    (folder / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no weights \(model.safetensors\) in .*2_Dense; save the model there"):
        load_model(ModelSpec(name=str(folder)))
    # Of a Hub id, pickled weights are not downloaded, so the folder looks the same.
    monkeypatch.setattr(ablate.models.hub, "snapshot_download", lambda *_, **__: str(folder))
    files = ["config.json", "2_Dense/pytorch_model.bin"]
    monkeypatch.setattr(ablate.models.hub, "list_repo_files", lambda *_, **__: files)
    with pytest.raises(ModelError, match=r"2_Dense/pytorch_model.bin is pickled.* load the model with SentenceTransf"):
        load_model(ModelSpec(name="organisation/model", revision="c0ffee"))
