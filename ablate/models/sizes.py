"""The sizes of a model, from its config.json alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig

import ablate.models.pruned  # noqa: F401  # registers the types of exported models
from ablate.errors import ModelError
from ablate.models.checkpoint import find_checkpoint
from ablate.models.spec import ModelSpec


@dataclass(frozen=True)
class Sizes:
    """How many units a model has.

    family: the config's ``model_type``.
    heads, neurons: how many each layer has.
    groups: the most key/value heads of a layer; fewer than its heads if queries are grouped.
    width: of the residual stream, which is also the dimension of token embeddings.
    pools: whether the model says how to pool; if not, a recipe has to.
    """

    family: str
    heads: tuple[int, ...]
    neurons: tuple[int, ...]
    groups: int
    width: int
    pools: bool

    def __str__(self) -> str:
        heads, neurons = _each(self.heads, "head"), _each(self.neurons, "neuron")
        shared = f" ({self.groups:,} key/value heads)" if self.grouped else ""
        return f"{self.family}, {len(self.heads)} layers with {heads}{shared} and {neurons} each, {self.width} wide"

    @property
    def grouped(self) -> bool:
        """Whether several query heads share a key and a value."""
        return self.groups < max(self.heads, default=0)


def sizes_of(spec: ModelSpec) -> Sizes:
    """Reads the sizes of a model from its config. No weights are loaded or downloaded.

    Raises:
        ModelError: as :func:`~ablate.models.checkpoint.find_checkpoint` does, or the config cannot be read.
    """
    checkpoint = find_checkpoint(spec, weights=False)
    try:
        config = AutoConfig.from_pretrained(  # nosec B615 # a folder, and local files only
            str(checkpoint.transformer), local_files_only=True, trust_remote_code=spec.trust_remote_code
        )
        family = checkpoint.family
        layers = family.layers(config)
        kept = getattr(config, "kept_heads", None)
        # An exported model lists the units of each layer.
        neurons = getattr(config, family.neuron_count)
        return Sizes(
            family=config.model_type,
            heads=tuple(map(len, kept)) if kept else tuple(config.num_attention_heads for _ in layers),
            neurons=tuple(getattr(config, "kept_neurons", None) or (neurons for _ in layers)),
            groups=getattr(config, "num_key_value_heads", None) or config.num_attention_heads,
            width=config.hidden_size,
            pools=checkpoint.modules,
        )
    except (OSError, ValueError, TypeError, AttributeError, LookupError, StrictDataclassError) as error:
        reason = " ".join((str(error).strip() or type(error).__name__).split())
        raise ModelError(
            f"model '{spec.name}': its config.json cannot be used: {reason}; save or download the model again"
        ) from error


def _each(counts: Sequence[int], what: str) -> str:
    low, high = min(counts, default=0), max(counts, default=0)
    return f"{low:,} {what}s" if low == high else f"{low:,} to {high:,} {what}s"
