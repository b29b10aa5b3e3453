"""``modality_config`` and ``processing_kwargs``: what is plain tokenization is accepted, and all else named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

from ablate.errors import ModelError
from ablate.export.folder import write_model
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny

SENTENCES = ["a cat plays", "", "The Dog runs in red!", "naïve café 日本語 " * 9, "x"]
TEXT = {"method": "forward", "method_output_name": "last_hidden_state"}


def folder_with(tmp_path: Path, **settings: Any) -> Path:
    folder = save_tiny(tmp_path / "model")
    settings = {"modality_config": {"text": TEXT}, "module_output_name": "token_embeddings"} | settings
    (folder / "sentence_bert_config.json").write_text(json.dumps(settings))
    return folder


def by_library(folder: Path) -> torch.Tensor:
    return torch.tensor(SentenceTransformer(str(folder), device="cpu").encode(SENTENCES))


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({}, 64),
        ({"text": {"padding": True, "truncation": True, "return_token_type_ids": False}}, 64),
        ({"text": {"padding": "max_length", "truncation": "longest_first", "max_length": 11}}, 11),
        ({"text": {"max_length": 30}, "common": {"max_length": 7, "return_tensors": "pt"}}, 7),
        ({"common": {"pad_to_multiple_of": 8, "padding_side": "right", "add_special_tokens": True}}, 64),
        ({"image": {"size": 3}, "chat_template": {"add_generation_prompt": True}, "text": {"logits_to_keep": 0}}, 64),
    ],
)
def test_plain_tokenization(options: Any, length: int, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, processing_kwargs=options)
    model = load_model(ModelSpec(name=str(folder)))
    expected = by_library(folder)
    torch.testing.assert_close(encode(model, prepare(model, SENTENCES)), expected, rtol=0, atol=1e-5)
    assert model.encoding.max_length == length
    # A length of the recipe counts for the export, too.
    short = ModelSpec(name=str(folder), max_length=5)
    write_model(short, "", AutoModel.from_pretrained(folder), tmp_path / "out")
    model = load_model(short)
    found = by_library(tmp_path / "out")
    torch.testing.assert_close(encode(model, prepare(model, SENTENCES)), found, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"processing_kwargs": {"text": {"truncation": False}}}, "`processing_kwargs.text.truncation: false`, which"),
        ({"processing_kwargs": {"text": {"padding": False}}}, "`processing_kwargs.text.padding: false`, which"),
        ({"processing_kwargs": {"common": {"stride": 3}}}, "`processing_kwargs.common.stride: 3`, which"),
        ({"processing_kwargs": {"text": {"max_length": "9"}}}, '`processing_kwargs.text.max_length: "9"`, which'),
        ({"processing_kwargs": {"text": {"add_special_tokens": False}}}, "text.add_special_tokens: false`, which"),
        ({"modality_config": {"text": TEXT, "message": TEXT}}, "a chat template .`modality_config.message`., which"),
        ({"modality_config": {"image": TEXT}}, "has no `modality_config.text`, so the model takes no plain text"),
    ],
)
@pytest.mark.parametrize("pooling", [None, "mean"])
def test_more_than_that_is_named(settings: Any, message: str, pooling: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load_model(ModelSpec(name=str(folder_with(tmp_path, **settings)), pooling=pooling))
    assert "\n" not in str(caught.value)


def test_a_head_of_another_task_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, transformer_task="fill-mask", modality_config={"text": TEXT})
    with pytest.raises(ModelError, match=r"says `transformer_task: fill-mask`; only encoders \(`feature-extraction`\)"):
        load_model(ModelSpec(name=str(folder)))
