"""Tokenizers that pad on the left, as those of decoders do: ablate pads on the right, which must give the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer

from ablate.models.architectures import family_of, supported
from ablate.models.encode import encode, prepare
from ablate.models.families.bert import Bert
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny

SENTENCES = ["a cat plays", "x", "The Dog runs in red!", "naïve café " * 9]
RELATIVE = [name for name in supported() if family_of(name, name).relative]
POOLINGS = ("lasttoken", "mean", "weightedmean", "cls", "max")


def padded_left(folder: Path, family: str, mode: str) -> Path:
    save_tiny(folder, family)
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"padding_side": "left"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": mode}))
    return folder


@pytest.mark.parametrize("mode", POOLINGS)
@pytest.mark.parametrize("family", RELATIVE)
def test_relative_positions_equal_the_library_whatever_side_is_padded(family: str, mode: str, tmp_path: Path) -> None:
    folder = padded_left(tmp_path, family, mode)
    library = SentenceTransformer(str(folder), device="cpu")
    assert library.tokenizer.padding_side == "left"
    model = load_model(ModelSpec(name=str(folder)))
    actual, expected = encode(model, prepare(model, SENTENCES)), torch.tensor(library.encode(SENTENCES))
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", POOLINGS)
def test_the_last_token_is_a_real_one(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library encodes one sentence at a time, so that it does not pad."""
    monkeypatch.setattr(Bert, "relative", True)
    folder = padded_left(tmp_path, "bert", mode)
    library = SentenceTransformer(str(folder), device="cpu")
    expected = torch.tensor(library.encode(SENTENCES, batch_size=1))
    pooling: Any = "cls_before_pooler" if mode == "cls" else mode
    for spec in (ModelSpec(name=str(folder)), ModelSpec(name=str(folder), pooling=pooling)):
        model = load_model(spec)
        actual = torch.nn.functional.normalize(encode(model, prepare(model, SENTENCES)))
        torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["qwen3", "modernbert"])
def test_relative_positions_go_as_far_as_the_folder_says(family: str, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path, family)
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 500}))
    sentences = [*SENTENCES, "the man reads a big red book " * 9]
    model = load_model(ModelSpec(name=str(folder)))
    assert model.encoding.max_length == 500
    expected = torch.tensor(SentenceTransformer(str(folder), device="cpu").encode(sentences))
    torch.testing.assert_close(encode(model, prepare(model, sentences)), expected, rtol=0, atol=1e-5)
