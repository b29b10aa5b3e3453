"""Tiny models with random weights, for tests of plug-ins and of ablate itself. They need no network."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any, Literal, cast

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedModel, PreTrainedTokenizerFast

from ablate.models.architectures import family_of
from ablate.models.assemble import pooled
from ablate.models.model import Model
from ablate.models.quiet import quiet
from ablate.models.spec import Pooling

MAX_LENGTH = 64
_WORDPIECE = {"bert", "distilbert"}
_END = {"qwen2": "<|endoftext|>"}
"""Family -> the last token, where transformers gives the family's tokenizer one of its own."""
_WORDS = "the a an of in on is are was man woman child dog cat plays runs eats reads big small red new not two"


def tiny_model(
    family: str = "bert",
    *,
    seed: int = 0,
    layers: int = 2,
    heads: int = 4,
    width: int = 32,
    neurons: int = 64,
    pooling: Pooling = "mean",
) -> Model:
    """A model whose weights are so large that the removal of a unit changes embeddings. It is made in milliseconds.

    Args:
        family: one of ``ablate.models.architectures.supported()``.
        seed: of the weights; the global random state does not change.
        layers: how many there are.
        heads, neurons: how many there are in each layer.
        width: of the residual stream, a multiple of ``heads``.

    Raises:
        ModelError: the family is not supported, or has no pooler for the pooling ``cls``.
    """
    backbone = _backbone(family, seed, layers, heads, width, neurons)
    return pooled(f"tiny-{family}", backbone, tiny_tokenizer(family), pooling)


def save_tiny(
    folder: Path,
    family: str = "bert",
    format: Literal["sentence-transformers", "transformers"] = "sentence-transformers",
    *,
    seed: int = 0,
    layers: int = 2,
    heads: int = 4,
    width: int = 32,
    neurons: int = 64,
) -> Path:
    """Saves the weights of :func:`tiny_model` as a model folder.

    Args:
        folder: is created.
        format: ``sentence-transformers`` has modules for mean pooling and normalization.

    Returns:
        The folder.
    """
    backbone = _backbone(family, seed, layers, heads, width, neurons)
    with quiet():
        backbone.save_pretrained(folder)
    tiny_tokenizer(family).save_pretrained(folder)
    if format == "sentence-transformers":
        _write(
            folder / "modules.json",
            [
                _module(0, "", "Transformer"),
                _module(1, "1_Pooling", "Pooling"),
                _module(2, "2_Normalize", "Normalize"),
            ],
        )
        _write(folder / "sentence_bert_config.json", {"max_seq_length": MAX_LENGTH, "do_lower_case": False})
        _write(folder / "1_Pooling" / "config.json", {"embedding_dimension": width, "pooling_mode": "mean"})
    return folder


def _module(i: int, path: str, kind: str) -> dict[str, Any]:
    return {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}


def _write(file: Path, content: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _backbone(family: str, seed: int, layers: int, heads: int, width: int, neurons: int) -> PreTrainedModel:
    tokenizer = tiny_tokenizer(family)
    of_family = family_of(family, f"tiny-{family}")
    # RoBERTa and its relatives number positions from the padding id plus 1.
    offset = 2 if of_family.padding_offset else 0
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        max_position_embeddings=MAX_LENGTH + offset,
        **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "cls", "sep")},
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        # With the usual 0.02, the outputs of layers would hardly differ from their inputs.
        initializer_range=0.2,
        **of_family.sized(layers, heads, width, neurons),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        make: Any = AutoModel.from_config if of_family.loads_with is AutoModel else of_family.loads_with
        model = cast(PreTrainedModel, make(config))
    model.train(False)
    return model


def tiny_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """WordPiece with a few words and ASCII for BERT and DistilBERT; for other families bytes, as BPE without merges."""
    tokenizer, special = _wordpiece() if family in _WORDPIECE else _bytes(_END.get(family, "</s>"))
    first, last = special["cls_token"], special["sep_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (first, last)],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=MAX_LENGTH,
        # Without token_type_ids, which DistilBERT and MPNet do not accept.
        model_input_names=["input_ids", "attention_mask"],
        **special,
    )


def _wordpiece() -> tuple[Tokenizer, dict[str, str]]:
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    characters = string.ascii_lowercase + string.digits
    pieces = [*special.values(), *_WORDS.split(), *characters, *string.punctuation, *(f"##{c}" for c in characters)]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer, special


def _bytes(end: str) -> tuple[Tokenizer, dict[str, str]]:
    special = {
        "cls_token": "<s>",
        "pad_token": "<pad>",
        "sep_token": end,
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: i for i, piece in enumerate([*special.values(), *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer, special
