"""A SentenceTransformer without a network, whose ``encode`` looks embeddings up; for evaluators that want a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn.functional import normalize

from ablate.data.items import Role
from ablate.data.texts import Text
from ablate.errors import PluginError

STAND_IN_DIM = 64


class KnownModel(SentenceTransformer):
    """Encodes by a function from texts to float32 [texts, dim]."""

    def __init__(self, embeddings_of: Callable[[Sequence[Text]], Tensor]) -> None:
        super().__init__(modules=[nn.Identity()], device="cpu", similarity_fn_name="cosine")
        self._embeddings_of = embeddings_of

    def encode(self, inputs: Any = None, *arguments: Any, **options: Any) -> Any:
        return self._encoded(None, inputs, *arguments, **options)

    def encode_query(self, inputs: Any = None, *arguments: Any, **options: Any) -> Any:
        return self._encoded("query", inputs, *arguments, **options)

    def encode_document(self, inputs: Any = None, *arguments: Any, **options: Any) -> Any:
        return self._encoded("document", inputs, *arguments, **options)

    def forward(self, *_: Any, **__: Any) -> Any:
        raise PluginError("the evaluator runs the modules of the model, and not only encode; it cannot be a task")

    def _encoded(self, role: Role | None, inputs: Any, *positional: Any, **options: Any) -> Any:
        inputs = options.pop("sentences", inputs)
        if positional:
            raise PluginError("the evaluator calls encode with options that have no name; name them")
        for name in ("prompt", "prompt_name"):
            if options.get(name):
                raise PluginError(
                    f"the evaluator gives texts a {name} of its own ({options[name]!r}), which ablate cannot; leave it "
                    "out, and choose a prompt in the recipe's model"
                )
        if options.get("output_value", "sentence_embedding") != "sentence_embedding":
            raise PluginError(f"the evaluator asks for {options['output_value']}, and ablate has embeddings of texts")
        if (options.get("precision") or "float32") != "float32":
            raise PluginError(f"the evaluator asks for embeddings in {options['precision']}; leave out precision")
        single = isinstance(inputs, str)
        texts = [inputs] if single else list(inputs)
        if not all(isinstance(text, str) for text in texts):
            raise PluginError("the evaluator encodes something else than texts; it cannot be a task")
        found = self._embeddings_of([(text, role) for text in texts])
        found = found[:, : options.get("truncate_dim") or self.truncate_dim]
        if options.get("normalize_embeddings"):
            found = normalize(found, dim=1)
        if single:
            found = found[0]
        if options.get("convert_to_tensor"):
            return found
        return found.numpy() if options.get("convert_to_numpy", True) else list(found)


def stand_in(text: Text) -> Tensor:
    """float32 [STAND_IN_DIM]: an embedding that depends on the text alone, the same everywhere."""
    seed = int.from_bytes(hashlib.sha256(repr(text).encode()).digest()[:8], "big")
    drawn = np.random.default_rng(seed).standard_normal(STAND_IN_DIM).astype(np.float32)
    return torch.from_numpy(drawn)
