"""Every pooling against sentence-transformers' own module, or by hand; and in exports, training and exact removal."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling as LibraryPooling
from sentence_transformers.sentence_transformer.modules import Transformer, WeightedLayerPooling
from torch import Tensor
from transformers import AutoModel

from ablate.engine.lower_layers import LowerLayers
from ablate.export.folder import write_model
from ablate.granularities.head import Head
from ablate.granularities.replay import removals
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.pooling import LAYERS
from ablate.models.sentence_transformer import put_backbone, sentence_transformer
from ablate.models.spec import ModelSpec, Pooling
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.tiny import save_tiny

SENTENCES = ["a cat plays", "", "The Dog runs in red!", "naïve café 日本語 " * 9, "  two  spaces  ", "x"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
THREE_LAYERS = 3


def load(folder: Path, pooling: Pooling | None = None) -> Model:
    return load_model(ModelSpec(name=str(folder), pooling=pooling))


def embed(model: Model, sentences: list[str] = SENTENCES) -> Tensor:
    return encode(model, prepare(model, sentences))


def by_library(model: SentenceTransformer) -> Tensor:
    return torch.tensor(model.encode(SENTENCES))


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "bare", "bert", "transformers", layers=THREE_LAYERS)


@pytest.mark.parametrize(
    ("pooling", "mode"),
    [("cls_before_pooler", "cls"), *((name, name) for name in ("mean", "max", "lasttoken", "weightedmean"))],
)
@pytest.mark.parametrize("format", ["sentence-transformers", "transformers"])
@pytest.mark.parametrize("family", ["bert", "mpnet"])
def test_equals_the_librarys_module(family: str, format: Any, pooling: Pooling, mode: Any, tmp_path: Path) -> None:
    save_tiny(tmp_path, family, format)
    model = load(tmp_path, pooling)
    transformer = Transformer(str(tmp_path))
    library = SentenceTransformer(modules=[transformer, LibraryPooling(32, mode)], device="cpu")
    close(embed(model), by_library(library))
    assert (model.encoding.pooling, model.reads_layers) == (pooling, False)


def test_by_hand(bare: Path) -> None:
    sentences = ["a cat", "the dog runs and reads"]
    backbone = AutoModel.from_pretrained(bare).eval()
    model = load(bare, "mean")
    expected: dict[str, list[Tensor]] = {}
    # Sentence by sentence, without padding. The output of the embeddings is number 0, that of the first layer 1.
    for ids in model.tokenize(sentences):
        with torch.no_grad():
            layers = backbone(torch.tensor([ids]), output_hidden_states=True).hidden_states
        assert len(layers) == THREE_LAYERS + 1
        last = layers[3][0]
        places = torch.arange(1, len(ids) + 1).unsqueeze(1)
        values = {
            "max": last.amax(0),
            "lasttoken": last[-1],
            "weightedmean": (places * last).sum(0) / places.sum(),
            "avg_first_last": (layers[1][0] + last).mean(0) / 2,
            "avg_top2": (layers[2][0] + last).mean(0) / 2,
        }
        for name, value in values.items():
            expected.setdefault(name, []).append(value)
    for pooling in POOLINGS:
        if pooling in expected:
            close(embed(load(bare, pooling), sentences), torch.stack(expected[pooling]))


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_as_modules_of_sentence_transformers(pooling: Pooling, layers: int, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "bare", "bert", "transformers", layers=layers)
    spec, expected = ModelSpec(name=str(folder), pooling=pooling), embed(load(folder, pooling))
    modules = sentence_transformer(spec)
    close(by_library(modules), expected)
    # As training does.
    put_backbone(modules, copy.deepcopy(load(folder, "mean").backbone))
    close(by_library(modules), expected)
    # Saved with another backbone, as an export is, whose config does not ask for the outputs of the layers.
    write_model(spec, "", AutoModel.from_pretrained(folder), tmp_path / "saved")
    saved = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    assert any(isinstance(module, WeightedLayerPooling) for module in saved) == (pooling in LAYERS)
    close(by_library(saved), expected)
    again = load(tmp_path / "saved")
    close(embed(again), expected)
    assert again.reads_layers == (pooling in LAYERS)


@pytest.mark.parametrize("pooling", LAYERS)
@pytest.mark.parametrize("family", STRUCTURES)
def test_every_family_agrees_with_the_library_on_its_layers(family: str, pooling: Pooling, tmp_path: Path) -> None:
    spec = ModelSpec(name=str(save_tiny(tmp_path, family, "transformers", layers=THREE_LAYERS)), pooling=pooling)
    close(by_library(sentence_transformer(spec)), embed(load_model(spec)))


# Other families have a norm after the last layer, which belongs to its output in transformers, or layers that run twice.
@pytest.mark.parametrize("pooling", LAYERS)
@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "mpnet", "deberta"])
def test_they_are_the_outputs_of_the_layers(family: str, pooling: Pooling, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path, family, "transformers", layers=THREE_LAYERS)
    model = load(folder, pooling)
    outputs: list[Tensor] = []
    for layer in model.architecture.layers:
        module = model.backbone.get_submodule(layer.path)
        module.register_forward_hook(lambda _, __, out: outputs.append(out[0] if isinstance(out, tuple) else out))
    found = model.embed(model.pad(model.tokenize(["the dog runs and reads"])))
    one, other = outputs[0 if pooling == "avg_first_last" else 1], outputs[2]
    close(found, ((one + other) / 2).mean(1))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_precision_is_not_lost_in_the_sums(pooling: Pooling, bare: Path) -> None:
    model = load(bare, pooling)
    expected = embed(model)
    model.network.to(torch.bfloat16)
    assert 0 < (embed(model) - expected).abs().max() / expected.abs().max() < 0.05


@pytest.mark.parametrize("own_modules", [False, True])
@pytest.mark.parametrize("pooling", LAYERS)
def test_no_layer_is_left_out_of_a_pass_when_its_output_is_read(
    pooling: Pooling, own_modules: bool, bare: Path, tmp_path: Path
) -> None:
    if own_modules:
        sentence_transformer(ModelSpec(name=str(bare), pooling=pooling)).save_pretrained(str(tmp_path / "saved"))
    model = load(tmp_path / "saved") if own_modules else load(bare, pooling)
    granularity, prepared = Head(), prepare(model, SENTENCES)
    layers = granularity.layers(model)
    groups = [(layers == number).nonzero().flatten()[:2] for number in range(THREE_LAYERS)]
    lower = LowerLayers(model, prepared, "float32")
    for index, removed in list(removals(model, prepared, granularity, groups)):
        mask = torch.ones(len(layers), dtype=torch.bool)
        mask[groups[index]] = False
        keep = granularity.keep(model, mask)
        with masked(model, keep):
            expected = encode(model, prepared)
        assert not torch.allclose(expected, encode(model, prepared), atol=1e-3)
        close(removed, expected)
        assert torch.equal(lower.encode(keep), expected)
