"""Loading models: families, formats, pooling and what makes two models the same."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor
from transformers import AutoModel, BertForMaskedLM, BertModel
from transformers.utils import logging as transformers_logging

from ablate.errors import ModelError
from ablate.models.architectures import architecture_of
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec, Pooling
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.tiny import save_tiny, tiny_model

SENTENCES = ["a cat plays", "", "The Dog runs in red!", "naïve café 日本語 " * 9, "  two  spaces  ", "x"]

CLASSIC = ("bert", "roberta", "xlm-roberta", "distilbert", "mpnet")
"""Families whose query, key and value are modules of their own, with biases, and whose FFN is not gated."""


def embed(model: Model, sentences: list[str] = SENTENCES) -> Tensor:
    return encode(model, prepare(model, sentences))


def reference(folder: Path, sentences: list[str] = SENTENCES) -> Tensor:
    return torch.tensor(SentenceTransformer(str(folder), device="cpu").encode(sentences))


def edit_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize("family", STRUCTURES)
def test_each_family_loads_from_both_formats_and_agrees_with_sentence_transformers(family: str, tmp_path: Path) -> None:
    save_tiny(tmp_path / "st", family)
    save_tiny(tmp_path / "hf", family, "transformers")
    own = load_model(ModelSpec(name=str(tmp_path / "st")))
    bare = load_model(ModelSpec(name=str(tmp_path / "hf"), pooling="mean"))
    expected = reference(tmp_path / "st")
    torch.testing.assert_close(embed(own), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(torch.nn.functional.normalize(embed(bare), dim=1), expected, rtol=0, atol=1e-5)
    assert own.hash == bare.hash == tiny_model(family).hash
    assert own.encoding.pooling == "modules:Transformer+Pooling(mean)+Normalize"
    assert bare.encoding.pooling == "mean"


@pytest.mark.parametrize("family", CLASSIC)
def test_architecture_names_modules_of_the_shapes_that_heads_and_neurons_have(family: str) -> None:
    model = tiny_model(family, layers=3, heads=2, width=16, neurons=24)
    assert model.architecture.family == family
    assert len({name for layer in model.architecture.layers for name in layer.linears}) == 18
    for layer in model.architecture.layers:
        assert (layer.heads, layer.head_size) == (2, 8)
        shapes = [tuple(model.weight(name).shape) for name in layer.linears]
        assert shapes == [(16, 16)] * 4 + [(24, 16), (16, 24)]


@pytest.mark.parametrize("family", STRUCTURES)
def test_every_named_module_has_a_part_in_the_embedding(family: str) -> None:
    model = tiny_model(family)
    dense = embed(model)
    for layer in model.architecture.layers:
        for name in layer.linears:
            weight = model.weight(name)
            before = weight.detach().clone()
            with torch.no_grad():
                weight.zero_()
            assert (embed(model) - dense).abs().max() > 1e-3, name
            with torch.no_grad():
                weight.copy_(before)
    assert torch.equal(embed(model), dense)


def test_uneven_layers_are_counted_from_their_weights_and_must_fit() -> None:
    model = tiny_model("bert", layers=2, heads=4, width=32)
    attention = model.backbone.get_submodule("encoder.layer.1.attention")
    for name in ("self.query", "self.key", "self.value"):
        linear = attention.get_submodule(name)
        linear.weight = torch.nn.Parameter(cast(Tensor, linear.weight)[:24])
    with pytest.raises(ModelError, match=r"'encoder.layer.1' cannot be divided into heads"):
        architecture_of(model.backbone)  # type: ignore[arg-type]
    output = attention.get_submodule("output.dense")
    output.weight = torch.nn.Parameter(cast(Tensor, output.weight)[:, :24])
    layers = architecture_of(model.backbone).layers  # type: ignore[arg-type]
    assert [layer.heads for layer in layers] == [4, 3]


def test_pooling_by_hand() -> None:
    models = {pooling: tiny_model("bert", pooling=pooling) for pooling in ("mean", "cls", "cls_before_pooler")}
    mean = models["mean"]
    features = mean.pad(mean.tokenize(["a cat", "the dog runs and reads"]))
    output = mean.backbone(**features)
    tokens, mask = output.last_hidden_state, features["attention_mask"]
    assert mask.sum(1).tolist()[0] < mask.shape[1], "the first sentence must be padded"
    first = tokens[0, : int(mask[0].sum())].mean(0)
    torch.testing.assert_close(mean.embed(features)[0], first)
    torch.testing.assert_close(mean.embed(features)[1], tokens[1].mean(0))
    torch.testing.assert_close(models["cls_before_pooler"].embed(features), tokens[:, 0])
    pooler = mean.backbone.get_submodule("pooler.dense")
    expected = torch.tanh(tokens[:, 0] @ pooler.weight.T + pooler.bias)
    torch.testing.assert_close(models["cls"].embed(features), expected)
    assert {name: model.encoding.pooling for name, model in models.items()} == {name: name for name in models}


def test_pooling_override_of_a_sentence_transformers_folder(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    pooling: Pooling
    for pooling in ("mean", "cls", "cls_before_pooler"):
        loaded = load_model(ModelSpec(name=str(tmp_path), pooling=pooling))
        torch.testing.assert_close(embed(loaded), embed(tiny_model(pooling=pooling)))
        assert loaded.encoding.pooling == pooling


def test_dense_module_prompt_truncation_and_lower_case_are_kept(tmp_path: Path) -> None:
    plain = load_model(ModelSpec(name=str(save_tiny(tmp_path, "roberta"))))
    assert not torch.allclose(embed(plain, ["CAT"]), embed(plain, ["cat"]))
    modules = json.loads((tmp_path / "modules.json").read_text())
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    (tmp_path / "modules.json").write_text(json.dumps([*modules[:2], dense, modules[2] | {"idx": 3, "name": "3"}]))
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "config.json").write_text(
        json.dumps({"in_features": 32, "out_features": 12, "bias": True, "activation_function": "torch.nn.Tanh"})
    )
    weights = {"linear.weight": torch.randn(12, 32), "linear.bias": torch.randn(12)}
    save_file(weights, tmp_path / "2_Dense" / "model.safetensors")
    edit_json(tmp_path / "sentence_bert_config.json", do_lower_case=True, max_seq_length=20)
    (tmp_path / "config_sentence_transformers.json").write_text(
        json.dumps({"prompts": {"query": "query: "}, "default_prompt_name": "query", "truncate_dim": 5})
    )
    for include_prompt in (True, False):
        edit_json(tmp_path / "1_Pooling" / "config.json", include_prompt=include_prompt)
        model = load_model(ModelSpec(name=str(tmp_path)))
        assert (model.encoding.prompt, model.encoding.max_length) == ("query: ", 20)
        assert model.encoding.pooling.endswith("+Truncate(5)")
        assert ("include_prompt=False" in model.encoding.pooling) is not include_prompt
        assert embed(model).shape == (len(SENTENCES), 5)
        torch.testing.assert_close(embed(model), reference(tmp_path), rtol=0, atol=1e-5)
        torch.testing.assert_close(embed(model, ["CAT"]), embed(model, ["cat"]))
    weights["linear.bias"][3] += 1
    save_file(weights, tmp_path / "2_Dense" / "model.safetensors")
    assert load_model(ModelSpec(name=str(tmp_path))).hash != model.hash


def test_maximum_length_is_the_models_own_unless_given(tmp_path: Path) -> None:
    save_tiny(tmp_path / "mpnet", "mpnet", "transformers")
    edit_json(tmp_path / "mpnet" / "tokenizer_config.json", model_max_length=10**30)
    long = ["cat " * 500]
    own = load_model(ModelSpec(name=str(tmp_path / "mpnet"), pooling="mean"))
    short = load_model(ModelSpec(name=str(tmp_path / "mpnet"), pooling="mean", max_length=7))
    assert [len(own.tokenize(long)[0]), own.encoding.max_length] == [64, 64]
    assert [len(short.tokenize(long)[0]), short.encoding.max_length] == [7, 7]
    assert embed(own, long).isfinite().all()
    assert short.tokenize(long)[0][-1] == own.tokenize(long)[0][-1], "the final special token stays"
    with pytest.raises(ModelError, match="max_length 65 is more than the 64 tokens"):
        load_model(ModelSpec(name=str(tmp_path / "mpnet"), pooling="mean", max_length=65))


def test_loaded_as_float32_in_evaluation_mode_and_differentiable(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    weights = {name: tensor.half() for name, tensor in load_file(tmp_path / "model.safetensors").items()}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    edit_json(tmp_path / "config.json", dtype="float16")
    model = load_model(ModelSpec(name=str(tmp_path)))
    assert {p.dtype for p in model.backbone.parameters()} == {torch.float32}
    assert not any(module.training for module in model.backbone.modules())
    features = model.pad(model.tokenize(["a cat", "the dog runs"]))
    before = dict(features)
    with torch.inference_mode():
        inferred = model.embed(features)
    embeddings = model.embed(features)
    assert features == before, "embed leaves its features alone"
    torch.testing.assert_close(inferred, embeddings)
    weight = model.weight(model.architecture.layers[0].ffn_out)
    (gradient,) = torch.autograd.grad(embeddings[:, 0].sum(), weight)
    step = torch.zeros_like(weight)
    step[3, 5] = 1e-2
    values = []
    for sign in (1, -1):
        with torch.no_grad():
            weight.add_(sign * step)
            values.append(model.embed(features)[:, 0].sum())
            weight.sub_(sign * step)
    assert gradient[3, 5].item() == pytest.approx((values[0] - values[1]).item() / 2e-2, rel=0.02)


def test_a_task_head_is_left_out_and_a_pooler_that_is_not_there_is_never_made_up(tmp_path: Path) -> None:
    save_tiny(tmp_path, format="transformers")
    backbone = BertModel.from_pretrained(tmp_path)
    with_head = BertForMaskedLM(backbone.config)
    with_head.bert.load_state_dict(backbone.state_dict(), strict=False)
    with_head.save_pretrained(tmp_path)
    plain = load_model(ModelSpec(name=str(tmp_path), pooling="mean"))
    torch.testing.assert_close(embed(plain), embed(tiny_model()))
    assert plain.hash == tiny_model().hash
    assert plain.remarks == ("5 weights of the checkpoint are not used, such as 'cls.predictions.bias'",)
    with pytest.raises(ModelError, match=r"lacks 2 .*'pooler.dense.bias'.* random; choose another pooling"):
        load_model(ModelSpec(name=str(tmp_path), pooling="cls"))


@pytest.mark.parametrize("format", ["sentence-transformers", "transformers"])
def test_what_the_libraries_report_is_a_remark_whatever_their_level(
    format: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    save_tiny(tmp_path, format=format)
    from_pretrained = AutoModel.from_pretrained

    def report(*args: Any, **options: Any) -> Any:
        transformers_logging.get_logger("transformers.modeling_utils").warning("positions\n are odd")
        warnings.warn("so is the padding", stacklevel=1)
        warnings.warn("for developers", FutureWarning, stacklevel=1)
        return from_pretrained(*args, **options)

    monkeypatch.setattr(AutoModel, "from_pretrained", report)
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        model = load_model(ModelSpec(name=str(tmp_path), pooling="mean"))
        assert transformers_logging.get_verbosity() == logging.ERROR
    finally:
        transformers_logging.set_verbosity(before)
    assert model.remarks == ("positions are odd", "so is the padding")
    assert capfd.readouterr() == ("", "")


def test_hash_does_not_depend_on_the_folder_or_on_use(tmp_path: Path) -> None:
    first = load_model(ModelSpec(name=str(save_tiny(tmp_path / "one"))))
    embed(first)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    edit_json(tmp_path / "two" / "config.json", transformers_version="4.0.0", _name_or_path="elsewhere")
    assert load_model(ModelSpec(name=str(tmp_path / "two"), max_length=9)).hash == first.hash
    assert tiny_model(seed=0).hash == first.hash
    assert tiny_model(seed=1).hash != first.hash


def test_hash_changes_with_any_single_weight(tmp_path: Path) -> None:
    save_tiny(tmp_path, "distilbert", "transformers", layers=1)
    weights = load_file(tmp_path / "model.safetensors")
    spec = ModelSpec(name=str(tmp_path), pooling="mean")
    hashes = {load_model(spec).hash}
    for tensor in weights.values():
        tensor.view(-1)[-1] += 1e-3
        save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
        hashes.add(load_model(spec).hash)
    assert len(hashes) == 1 + len(weights)


@pytest.mark.parametrize(
    "change",
    [{"layer_norm_eps": 1e-5}, {"hidden_act": "relu"}, {"hidden_dropout_prob": 0.2}, {"pad_token_id": 3}],
)
def test_hash_changes_with_the_config(change: dict[str, Any], tmp_path: Path) -> None:
    save_tiny(tmp_path)
    edit_json(tmp_path / "config.json", **change)
    assert load_model(ModelSpec(name=str(tmp_path))).hash != tiny_model().hash


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["normalizer"].update(lowercase=False),
        lambda t: t["model"]["vocab"].update({"cat": t["model"]["vocab"]["dog"], "dog": t["model"]["vocab"]["cat"]}),
        lambda t: t["post_processor"]["single"].pop(),
    ],
    ids=["normalizer", "vocabulary", "special tokens"],
)
def test_hash_changes_with_the_tokenizer(change: Any, tmp_path: Path) -> None:
    save_tiny(tmp_path)
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text())
    change(tokenizer)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert load_model(ModelSpec(name=str(tmp_path))).hash != tiny_model().hash


def test_trusted_code_runs_and_is_part_of_the_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "cache"))
    code = """
from sentence_transformers.models import Normalize
class Doubled(Normalize):
    def forward(self, features):
        features = super().forward(features)
        features["sentence_embedding"] = FACTOR * features["sentence_embedding"]
        return features
"""
    poolings = set()
    for factor in (2, 3):
        folder = save_tiny(tmp_path / f"model{factor}")
        modules = json.loads((folder / "modules.json").read_text())
        modules[2]["type"] = "foreign.Doubled"
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "foreign.py").write_text(code.replace("FACTOR", str(factor)))
        model = load_model(ModelSpec(name=str(folder), trust_remote_code=True))
        torch.testing.assert_close(embed(model).norm(dim=1), torch.full((len(SENTENCES),), float(factor)))
        poolings.add(model.encoding.pooling)
    assert len(poolings) == 2


def test_tiny_models_leave_the_global_random_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tiny_model(seed=1)
    assert torch.equal(torch.rand(3), expected)
