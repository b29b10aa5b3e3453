"""A family of transformers: where its models keep their heads and neurons, and what goes if some are cut out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel

from ablate.errors import ModelError
from ablate.models.model import Layer, Rows
from ablate.plugin import Plugin


class Family(Plugin):
    """The models of one ``model_type``, which is the family's ``name``.

    Most families only say what their modules are called. A module that is named several times, such as one that holds
    query, key and value, is divided into as many equal parts, in the order of the names.

    layer: the name of a layer in the backbone; ``{i}`` is its number. The names that follow are relative to it.
    query, key, value, attention_output, ffn_out: linear modules.
    ffn_in: one linear module, or two if the FFN is gated.
    layer_count, neuron_count: the settings of the config that say how many layers, and neurons in each, there are.
    padding_offset: whether positions are numbered from the padding id + 1. If so, that many positions are not usable.
    relative: whether nothing depends on absolute positions, so that padding on the left changes nothing.
    in_order, apart: see :class:`~ablate.models.model.Architecture`.
    loads_with: the class of transformers whose ``from_pretrained`` loads the encoder.
    cuts_heads: whether heads can be cut out of a layer. If not, a removed head stays as zeros.
    uneven: whether layers with different numbers of units can be saved and loaded again.
    """

    layer: ClassVar[str]
    query: ClassVar[str]
    key: ClassVar[str]
    value: ClassVar[str]
    attention_output: ClassVar[str]
    ffn_in: ClassVar[tuple[str, ...]]
    ffn_out: ClassVar[str]
    layer_count: ClassVar[str] = "num_hidden_layers"
    neuron_count: ClassVar[str] = "intermediate_size"
    padding_offset: ClassVar[bool] = False
    relative: ClassVar[bool] = False
    in_order: ClassVar[bool] = True
    apart: ClassVar[bool] = False
    loads_with: ClassVar[Any] = AutoModel
    cuts_heads: ClassVar[bool] = True
    uneven: ClassVar[bool] = True

    def layers(self, config: PreTrainedConfig) -> list[str]:
        """The names of the layers that have weights of their own."""
        return [self.layer.format(i=i) for i in range(getattr(config, self.layer_count))]

    def head_size(self, config: PreTrainedConfig) -> int:
        """The columns of a head in the attention output projection."""
        return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)

    def positions(self, config: PreTrainedConfig) -> int:
        """The most tokens that a model accepts, special tokens included."""
        unusable = config.pad_token_id + 1 if self.padding_offset else 0
        return int(config.max_position_embeddings - unusable)

    def ffn_modules(self, config: PreTrainedConfig) -> tuple[str, ...]:  # noqa: ARG002
        """``ffn_in`` of a model, for families in which it depends on the config."""
        return self.ffn_in

    def attention_rows(self, backbone: nn.Module, layer: str) -> tuple[tuple[Rows, ...], tuple[Rows, ...]]:
        """What produces the query heads of a layer, and what produces its key/value heads."""
        query, key, value = parts(backbone, [f"{layer}.{name}" for name in (self.query, self.key, self.value)])
        return (query,), (key, value)

    def even_settings(self, config: PreTrainedConfig, heads: int, groups: int, neurons: int) -> dict[str, int] | None:  # noqa: ARG002
        """The settings of a config in which every layer has these numbers of units; None if there are none.

        Most configs derive the size of a head from the number of heads, so that all heads must be left.
        """
        return {self.neuron_count: neurons} if heads == config.num_attention_heads else None

    def after_cut(self, backbone: PreTrainedModel, layer: Layer, heads: Sequence[int]) -> None:
        """Tells a layer that only these of its heads are left, if it does not see that from its weights' shapes.

        Args:
            layer: as it was before the cut.
        """

    def sized(self, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        """The settings of a config for a model of these sizes, for tests on tiny models."""
        return {
            self.layer_count: layers,
            "num_attention_heads": heads,
            "hidden_size": width,
            self.neuron_count: neurons,
        }

    def read(self, backbone: PreTrainedModel, where: str) -> tuple[Layer, ...]:
        """The layers of a model, checked against the shapes of its weights.

        The numbers of heads and neurons follow from the shapes, so layers may differ in them, as those of a pruned
        model do.

        Args:
            where: the name of the model, for messages.

        Raises:
            ModelError: the modules are not those of the family.
        """
        return tuple(self._read(backbone, name, where) for name in self.layers(backbone.config))

    def _read(self, backbone: PreTrainedModel, path: str, where: str) -> Layer:
        ffn_modules = self.ffn_modules(backbone.config)
        names = (self.query, self.key, self.value, self.attention_output, *ffn_modules, self.ffn_out)
        linears = tuple(dict.fromkeys(f"{path}.{name}" for name in names))
        shapes = {name: _shape(backbone, name, where) for name in linears}
        carrier, ffn_out = f"{path}.{self.attention_output}", f"{path}.{self.ffn_out}"
        query, key_value = self.attention_rows(backbone, path)
        ffn_in = parts(backbone, [f"{path}.{name}" for name in ffn_modules])
        size, columns, neurons = self.head_size(backbone.config), shapes[carrier][1], shapes[ffn_out][1]
        heads, groups = columns // size, key_value[0].count // size
        consistent = (
            columns == heads * size
            and (heads == groups or heads % max(groups, 1) == 0)
            and all(rows.count % max(columns, 1) == 0 for rows in query)
            and all(rows.count == groups * size for rows in key_value)
            and all(rows.count == neurons for rows in ffn_in)
        )
        if not consistent:
            raise ModelError(
                f"model '{where}': '{path}' cannot be divided into heads of {size} columns and neurons: the shapes of "
                f"its weights are {shapes}"
            )
        return Layer(path, linears, query, key_value, carrier, ffn_in, ffn_out, heads, groups, size)


def parts(backbone: nn.Module, names: Sequence[str]) -> tuple[Rows, ...]:
    """The rows of linear modules. One that is named several times is divided into as many equal parts, in order."""
    found = []
    for i, name in enumerate(names):
        weight = backbone.get_submodule(name).weight
        assert isinstance(weight, Tensor)
        count = len(weight) // names.count(name)
        found.append(Rows(name, names[:i].count(name) * count, count))
    return tuple(found)


def _shape(backbone: nn.Module, name: str, where: str) -> tuple[int, ...]:
    try:
        module = backbone.get_submodule(name)
    except AttributeError as error:
        raise ModelError(f"model '{where}': has no module '{name}', which its architecture should have") from error
    if not isinstance(module, nn.Linear):
        raise ModelError(f"model '{where}': '{name}' is a {type(module).__name__}, not a plain linear layer")
    return tuple(module.weight.shape)
