"""Folders of sentence-transformers as they are: modules, names of older versions, options that amount to nothing new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import (
    CNN,
    LSTM,
    Dropout,
    LayerNorm,
    Pooling,
    WeightedLayerPooling,
    WordWeights,
)
from torch import Tensor, nn
from transformers import AutoModel

from ablate.errors import ModelError
from ablate.export.folder import write_model
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.sentence_transformer import sentence_transformer
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny

SENTENCES = ["a cat plays", "", "The Dog runs in red!", "naïve café 日本語 " * 9, "  two  spaces  ", "x"]


def embed(model: Model, sentences: list[str] = SENTENCES) -> Tensor:
    return encode(model, prepare(model, sentences))


def load(folder: Path, **options: Any) -> Model:
    return load_model(ModelSpec(name=str(folder), **options))


def by_library(folder: Path) -> Tensor:
    return torch.tensor(SentenceTransformer(str(folder), device="cpu").encode(SENTENCES))


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


def edit_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def saved(tmp_path: Path, *modules: nn.Module, layers: bool = False) -> Path:
    """The folder that the library writes for a tiny BERT with these modules."""
    transformer = Transformer(str(save_tiny(tmp_path / "bare", format="transformers")))
    transformer.model.config.output_hidden_states = layers
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for module in modules:
            for parameter in module.parameters():
                nn.init.normal_(parameter)
    model = SentenceTransformer(modules=[transformer, *modules], device="cpu")
    model.save_pretrained(str(tmp_path / "model"), create_model_card=False)
    return tmp_path / "model"


def averaged() -> list[nn.Module]:
    return [WeightedLayerPooling(32, 2, 1, nn.Parameter(torch.ones(2))), Pooling(32)]


MODULES: dict[str, list[nn.Module]] = {
    "dense": [Pooling(32), Dense(32, 12)],
    "two dense": [Pooling(32), Dense(32, 64, bias=False, activation_function=None), Dense(64, 32), Normalize()],
    "dense with residual": [Pooling(32, "lasttoken"), Dense(32, 12, use_residual=True)],
    "dense of tokens": [Dense(32, 16, module_input_name="token_embeddings"), Pooling(16, "max")],
    "layer norm": [Pooling(32), LayerNorm(32), Normalize()],
    "dropout": [Pooling(32), Dropout(0.5)],
    "word weights": [WordWeights(["a", "b"] * 60, {"a": 2.0}), Pooling(32)],
    "several poolings": [Pooling(32, ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"))],
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_equal_the_library(name: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, *MODULES[name])
    model = load(folder)
    close(embed(model), by_library(folder))
    assert not model.reads_layers
    write_model(ModelSpec(name=str(folder)), "", AutoModel.from_pretrained(folder), tmp_path / "out")
    close(by_library(tmp_path / "out"), embed(model))


@pytest.mark.parametrize("layers", [True, False])
def test_weighted_layers(layers: bool, tmp_path: Path) -> None:
    """Without ``output_hidden_states`` in the config, the library passes the last layer on."""
    folder = saved(tmp_path, *averaged(), layers=layers)
    model = load(folder)
    close(embed(model), by_library(folder))
    assert torch.allclose(embed(model), embed(load(folder, pooling="mean")), atol=1e-3) != layers
    assert model.reads_layers == layers


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([CNN(32, 8), Pooling(24)], "its CNN module reads the padding .* depends on the other sentences of its batch"),
        (
            [LSTM(32, 8), Pooling(16)],
            "its LSTM module needs the lengths .*; sentence-transformers cannot run it either",
        ),
        ([], "none of its modules makes one embedding of the tokens; add the `pooling` that"),
    ],
)
def test_modules_that_cannot_be_evaluated_are_refused(modules: list[nn.Module], message: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, *modules)
    with pytest.raises(ModelError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert load(folder, pooling="mean").encoding.pooling == "mean"


def test_a_cnn_depends_on_the_batch_in_the_library_too(tmp_path: Path) -> None:
    model = SentenceTransformer(str(saved(tmp_path, CNN(32, 8), Pooling(24))), device="cpu")
    alone, together = (torch.tensor(model.encode(sentences))[0] for sentences in (SENTENCES[:1], SENTENCES))
    assert not torch.allclose(alone, together, atol=1e-3)


@pytest.mark.parametrize("mode", ["mean", "max", "cls", "mean_sqrt_len", "weightedmean", "lasttoken"])
def test_names_of_older_versions(mode: str, tmp_path: Path) -> None:
    new = {"mean_sqrt_len": "mean_sqrt_len_tokens"}.get(mode, mode)
    expected = load(saved(tmp_path, Pooling(32, new), Dense(32, 12)))
    old = tmp_path / "model"
    (old / "0_Transformer").mkdir()
    for file in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
        (old / file).rename(old / "0_Transformer" / file)
    (old / "sentence_bert_config.json").unlink()
    (old / "config_sentence_transformers.json").unlink()
    settings = {"max_seq_length": 20, "do_lower_case": False}
    (old / "0_Transformer" / "sentence_roberta_config.json").write_text(json.dumps(settings))
    keys = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
    flags = {f"pooling_mode_{key}": key.removesuffix("_tokens").removesuffix("_token") == mode for key in keys}
    assert sum(flags.values()) == 1
    (old / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **flags}))
    types = [("0_Transformer", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")]
    modules = [{"idx": i, "name": str(i), "path": p, "type": f"sentence_transformers.models.{t}"}
               for i, (p, t) in enumerate(types)]  # fmt: skip
    (old / "modules.json").write_text(json.dumps(modules))
    model = load(old)
    close(embed(model), by_library(old))
    assert (model.hash, model.encoding.pooling) == (expected.hash, expected.encoding.pooling)
    assert (model.encoding.max_length, expected.encoding.max_length) == (20, 64)


@pytest.mark.parametrize("pooling", [None, "cls", "mean", "avg_top2"])
def test_length_and_lower_case_of_the_folder_are_exported_with_another_pooling_too(
    pooling: Any, tmp_path: Path
) -> None:
    folder = save_tiny(tmp_path / "in", "bert")
    edit_json(folder / "sentence_bert_config.json", max_seq_length=9, do_lower_case=True)
    spec = ModelSpec(name=str(folder), pooling=pooling)
    model = load_model(spec)
    assert model.encoding.max_length == 9
    close(torch.tensor(sentence_transformer(spec).encode(SENTENCES)), embed(model))
    write_model(spec, "", AutoModel.from_pretrained(folder), tmp_path / "out")
    close(by_library(tmp_path / "out"), embed(model))


def test_a_chat_template_of_the_tokenizer_is_not_used_for_a_bare_checkpoint(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "in", format="transformers")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}big red {{ m['content'] }}{% endfor %}")
    spec = ModelSpec(name=str(folder), pooling="mean")
    modules = sentence_transformer(spec)
    close(torch.tensor(modules.encode(SENTENCES)), embed(load_model(spec)))
    write_model(spec, "", AutoModel.from_pretrained(folder), tmp_path / "out")
    close(by_library(tmp_path / "out"), embed(load_model(spec)))
    close(embed(load(tmp_path / "out")), embed(load_model(spec)))
