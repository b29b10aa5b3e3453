"""Encoders of MTEB's protocol: one that notes what a task encodes, and one that knows the embeddings already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ModelMeta
from mteb.types import PromptType
from numpy.typing import NDArray
from torch import Tensor

from ablate.plugin_api import PluginError, Role, Text


class _Encoder(AbsEncoder):
    def __init__(self) -> None:
        self.mteb_model_meta = ModelMeta.create_empty(overwrites={"name": "ablate/encoder", "revision": "none"})

    def encode(self, inputs: Any, *, prompt_type: PromptType | None = None, **_: Any) -> Any:
        role = None if prompt_type is None else cast("Role", prompt_type.value)
        return self.embed([(text, role) for batch in inputs for text in batch["text"]])

    def embed(self, texts: list[Text]) -> Any:
        raise NotImplementedError


class StandIn(_Encoder):
    """Gives any embeddings, and notes the texts.

    texts: what is encoded, each once, in order of first appearance.
    calls: the texts of each call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[Text, None] = {}
        self.calls: list[list[Text]] = []
        self._generator = np.random.default_rng(0)

    def embed(self, texts: list[Text]) -> NDArray[np.float32]:
        self.texts.update(dict.fromkeys(texts))
        self.calls.append(texts)
        return self._generator.standard_normal((len(texts), 4), np.float32)

    def of_role(self, role: Role) -> list[str]:
        """The texts of all calls with a role, in their order, with repetitions."""
        return [text for call in self.calls for text, its_role in call if its_role == role]


class Known(_Encoder):
    """Looks embeddings up.

    Args:
        rows: text -> its row of ``embeddings``, float32 [texts, dim].
    """

    def __init__(self, rows: Mapping[Text, int], embeddings: Tensor) -> None:
        super().__init__()
        self._rows, self._embeddings = rows, embeddings

    def embed(self, texts: list[Text]) -> Tensor:
        try:
            return self._embeddings[[self._rows[text] for text in texts]]
        except KeyError as error:
            raise PluginError(f"MTEB encodes a text that it did not encode before: {error}") from None
