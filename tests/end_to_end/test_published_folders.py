"""Folders with the modules, prompts and tokenizers of published embedders, on tiny models with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import Tensor, nn

import ablate
from ablate.export.folder import write_model
from ablate.export.smaller import smaller
from ablate.granularities.kv_group import KvGroup
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny

SENTENCES = ["a cat plays", "the man and the woman read a small new book in the big red house", "x"]


def nothing_more() -> list[nn.Module]:
    return []


@dataclass(frozen=True)
class Published:
    """What an embedder's folder has. like: which embedder. later: the modules after pooling."""

    like: str
    family: str
    pooling: str
    later: Callable[[], list[nn.Module]] = nothing_more
    prompts: dict[str, str] = field(default_factory=dict)
    default: str | None = None
    left: bool = False
    settings: dict[str, object] = field(default_factory=dict)


def wider() -> list[nn.Module]:
    first, second = (Dense(*sizes, bias=False, activation_function=None) for sizes in ((32, 96), (96, 32)))
    return [first, second, Normalize()]


def projected() -> list[nn.Module]:
    return [Dense(32, 24, bias=False, activation_function=nn.Identity()), Normalize()]


def normalized() -> list[nn.Module]:
    return [Normalize()]


FOLDERS = [
    Published("bge-m3", "xlm-roberta", "cls", normalized),
    Published(
        "multilingual-e5", "xlm-roberta", "mean", normalized, {"query": "query: ", "passage": "passage: "}, "query"
    ),
    Published("gte-modernbert", "modernbert", "cls"),
    Published("nomic-embed", "nomic_bert", "mean", prompts={"query": "search_query: "}, default="query"),
    Published("sentence-t5", "t5", "mean", projected),
    Published("Qwen3-Embedding", "qwen3", "lasttoken", normalized, {"query": "find: ", "document": ""}, left=True),
    Published(
        "EmbeddingGemma",
        "gemma3_text",
        "mean",
        wider,
        {"query": "task: search | query: ", "document": "title: none | text: "},
        settings={"use_bidirectional_attention": True},
    ),
    Published("e5-mistral", "mistral", "lasttoken", normalized, {"sts": "Instruct: similar "}, left=True),
]


def saved(given: Published, folder: Path) -> Path:
    bare = save_tiny(folder / "bare", given.family, "transformers")
    for file, changes in (
        ("config.json", given.settings),
        ("tokenizer_config.json", {"padding_side": "left" if given.left else "right"}),
    ):
        (bare / file).write_text(json.dumps(json.loads((bare / file).read_text()) | changes))
    torch.manual_seed(0)
    modules = [Transformer(str(bare)), Pooling(32, given.pooling), *given.later()]
    whole = SentenceTransformer(modules=modules, device="cpu", prompts=given.prompts, default_prompt_name=given.default)
    whole.save_pretrained(str(folder / "saved"), create_model_card=False)
    return folder / "saved"


def by_library(folder: Path) -> Tensor:
    library = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return torch.from_numpy(library.encode(SENTENCES))


def embed(model: Model) -> Tensor:
    return encode(model, prepare(model, SENTENCES))


@pytest.mark.parametrize("given", FOLDERS, ids=lambda given: given.like)
def test_dense_and_smaller_models_equal_the_library(given: Published, tmp_path: Path) -> None:
    folder = saved(given, tmp_path)
    spec = ModelSpec(name=str(folder))
    model = load_model(spec)
    dense = embed(model)
    torch.testing.assert_close(dense, by_library(folder), rtol=0, atol=1e-5)
    assert [remark.startswith("has prompts") for remark in model.remarks][:1] == [True] * bool(given.prompts)

    granularity = KvGroup()
    mask = torch.ones(len(granularity.layers(model)), dtype=torch.bool)
    mask[[0, len(mask) // 2]] = False
    keep = granularity.keep(model, mask)
    with masked(model, keep):
        expected = embed(model)
    assert (expected - dense).abs().max() > 1e-3
    write_model(spec, model.encoding.prompt, smaller(model, keep), tmp_path / "smaller")
    torch.testing.assert_close(by_library(tmp_path / "smaller"), expected, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_decoder_runs_from_the_comparison_to_the_export(tmp_path: Path) -> None:
    folder = saved(next(given for given in FOLDERS if given.like == "Qwen3-Embedding"), tmp_path)
    results = ablate.compare(
        "align,oracle",
        "head,kv-group,neuron",
        "0.25",
        model=folder,
        data="embedded",
        store=tmp_path / "runs.db",
        limit=40,
    )
    rows = [row for row in results.rows if row.status == "ok"]
    assert {row.granularity for row in rows if row.granularity} == {"head", "kv-group", "neuron"}


def test_pairs_by_dropout_need_a_model_that_has_dropout(tmp_path: Path) -> None:
    folder = saved(next(given for given in FOLDERS if given.like == "gte-modernbert"), tmp_path)
    recipe = ablate.Recipe.model_validate(
        {
            "model": str(folder),
            "data": "embedded",
            "scorers": ["align"],
            "granularities": ["head"],
            "sparsities": [0.25],
            "calibration": {"positives": "dropout"},
        }
    )
    with pytest.raises(ablate.AblateError, match=r"has no dropout, so that `calibration.positives: dropout` makes no"):
        ablate.run(recipe, store=tmp_path / "runs.db")
