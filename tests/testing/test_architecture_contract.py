"""Every registered family keeps its contract, also in other settings, and one that is wrong is told in one line."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest
from torch import nn

from ablate.models.architectures import supported
from ablate.models.families.albert import Albert
from ablate.models.families.bert import Bert, Roberta
from ablate.models.families.deberta import Deberta
from ablate.models.families.deberta_v2 import DebertaV2
from ablate.models.families.llama import Gemma3, Llama, Qwen3
from ablate.models.families.modernbert import ModernBert
from ablate.models.families.mpnet import MPNet
from ablate.models.families.t5 import T5
from ablate.models.family import Family, parts
from ablate.models.model import Rows
from ablate.plugins import registry
from ablate.testing import check_architecture
from ablate.testing.architecture_contract import architecture_contracts
from ablate.testing.contract import outcomes


def of(base: Any, **members: Any) -> Any:
    """A family that differs in these members."""
    return type(base)("Other", (base,), {"__module__": __name__, "__qualname__": "Other", **members})


def set_to(base: type[Family], **settings: Any) -> Any:
    """A family whose tiny models have these settings."""

    def sized(self: Any, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
        return {**base.sized(self, layers, heads, width, neurons), **settings}

    return of(base, sized=sized)


def inside_one_group(self: Any, layers: int, heads: int, width: int, neurons: int) -> dict[str, Any]:
    groups = {"num_hidden_groups": 1, "inner_group_num": layers, "num_hidden_layers": 2}
    return {**Albert.sized(self, layers, heads, width, neurons), **groups}


@pytest.mark.parametrize("name", supported())
def test_every_registered_family(name: str) -> None:
    check_architecture(type(registry().architecture(name)))


VARIANTS = {
    "albert, layers inside a group": of(Albert, sized=inside_one_group),
    "deberta-v2, keys shared with positions": set_to(DebertaV2, share_att_key=True, position_buckets=16),
    "deberta-v2, absolute positions": set_to(DebertaV2, relative_attention=False, position_biased_input=True),
    "deberta, absolute positions": set_to(Deberta, relative_attention=False, position_biased_input=True),
    "gemma3, both directions": set_to(Gemma3, use_bidirectional_attention=True),
    "llama, biases": set_to(Llama, attention_bias=True, mlp_bias=True),
    "modernbert, biases": set_to(ModernBert, attention_bias=True, mlp_bias=True),
    "modernbert, a short window": set_to(ModernBert, local_attention=4, global_attn_every_n_layers=2),
    "qwen3, heads wider than the stream": set_to(Qwen3, head_dim=32),
    "t5, no gate": set_to(T5, feed_forward_proj="relu"),
}


@pytest.mark.parametrize("case", VARIANTS)
def test_a_family_in_another_setting(case: str) -> None:
    check_architecture(VARIANTS[case])


def test_what_does_not_apply_is_said_with_the_reason() -> None:
    told = {outcome.contract: outcome.reason for outcome in outcomes(architecture_contracts(T5)) if outcome.reason}
    assert told == {
        "granularity kv-group keeps its contract": "each head has a key and a value of its own, so a group is a head",
        "without heads, the smaller model equals the masked one": (
            "its `cuts_heads` is False, so a removed head stays as zeros"
        ),
        "a smaller model with uneven layers, saved and loaded": (
            "its `uneven` is False, so all layers of a model have the same sizes"
        ),
    }


def by_head(_: Any, backbone: nn.Module, layer: str) -> tuple[tuple[Rows, ...], tuple[Rows, ...]]:
    """As if the rows of the first head came first, and then those of the second."""
    _, key, value = parts(backbone, [f"{layer}.attn.Wqkv"] * 3)
    return parts(backbone, [f"{layer}.attn.Wqkv"]), (key, value)


def thirds(self: Any, backbone: nn.Module, layer: str) -> tuple[tuple[Rows, ...], tuple[Rows, ...]]:
    """As if the queries of all heads came first, and then their keys."""
    query, key_value = Family.attention_rows(self, backbone, layer)
    return query + self.position_rows(backbone, f"{layer}.attention.self"), key_value


class WithAField(Bert):
    heads: int = 4


class Gpt2(Llama):
    """Has modules of another class."""

    name: ClassVar[str] = "gpt2"
    layer: ClassVar[str] = "h.{i}"
    query: ClassVar[str] = "attn.c_attn"
    key: ClassVar[str] = query
    value: ClassVar[str] = query
    attention_output: ClassVar[str] = "attn.c_proj"
    ffn_in: ClassVar[tuple[str, ...]] = ("mlp.c_fc",)
    ffn_out: ClassVar[str] = "mlp.c_proj"


BROKEN: dict[str, tuple[Any, str]] = {
    "a name that transformers lacks": (of(Bert, name="brt"), "no `model_type` of transformers; did you mean 'bert'"),
    "a parameter": (WithAField, "has parameters, which nothing could set: heads"),
    "a part that is missing": (of(Bert, value=""), "has no value: a ClassVar"),
    "no ffn": (of(Bert, ffn_in="intermediate.dense"), "has no ffn_in: a ClassVar"),
    "a layer without a number": (of(Bert, layer="encoder.layer.0"), "layers names a layer twice"),
    "a module that is not there": (
        of(Bert, query="attention.query"),
        "has no module 'encoder.layer.0.attention.query'",
    ),
    "modules of another class": (Gpt2, "is a Conv1D, not a plain linear layer"),
    "sizes of nothing": (of(Bert, sized=lambda *_: {}), "with 3 layers has 12"),
    "query and ffn swapped": (
        of(Bert, query="intermediate.dense", ffn_in=("attention.self.query",)),
        "cannot be divided into heads of 12 columns and neurons",
    ),
    "outputs swapped": (of(Bert, attention_output=Bert.ffn_out, ffn_out=Bert.attention_output), "cannot be divided"),
    "query and output swapped": (
        of(Bert, query=Bert.attention_output, attention_output=Bert.query),
        "head 0 has rows that serve other units too: .* in encoder.layer.0.attention.output.dense, ",
    ),
    "two parts that are one": (of(Bert, key=Bert.query), "cannot be divided"),
    "a gate left out": (of(Llama, ffn_in=("mlp.up_proj",)), "nothing names 'layers.0.mlp.gate_proj.weight'"),
    "position projections left out": (
        of(DebertaV2, position_projections=()),
        "nothing names 'encoder.layer.0.attention.self.pos_key_proj.weight'",
    ),
    "one projection by head, read as thirds": (
        of(Deberta, attention_rows=thirds),
        "head 0 has rows that serve other units too: .* in encoder.layer.0.attention.self.in_proj",
    ),
    "thirds, read as by head": (of(ModernBert, attention_rows=by_head), "head 0 has rows that serve other units too"),
    "an offset that it has not": (of(Bert, padding_offset=True), "a sentence of one more runs: its `padding_offset`"),
    "an offset that it has": (of(Roberta, padding_offset=False), "a sentence of 64 fails .*see `padding_offset`"),
    "absolute positions": (
        of(Bert, relative=True),
        "its `relative` is True, and padding on the left changes embeddings by",
    ),
    "another count of neurons": (
        of(T5, neuron_count="d_kv"),
        "the neurons of each layer are .12, 12, 12., not .40, 40, 40.",
    ),
    "the decoder too": (of(T5, loads_with=Family.loads_with), "cannot encode a sentence: ValueError.*see `loads_with`"),
    "shared layers": (of(Albert, in_order=True), "exact removal of .* differs from the masked model .*`in_order`"),
    "parts in one module": (of(ModernBert, apart=True), "exact removal of a head fails: RuntimeError.*`apart`"),
    "a layer that is not told": (of(MPNet, after_cut=Family.after_cut), "without some heads .* fails: .*`after_cut`"),
    "heads that cannot go": (of(T5, cuts_heads=True), "without some heads .* fails: .*`cuts_heads`"),
    "layers that must be alike": (of(T5, uneven=True), "no smaller model can be made: .*see `uneven`"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_family_is_told_in_one_line(case: str) -> None:
    plugin, told = BROKEN[case]
    failed = [outcome.reason for outcome in outcomes(architecture_contracts(plugin)) if outcome.verdict == "failed"]
    assert failed
    assert re.search(told, failed[0]), failed
    assert "\n" not in failed[0]
    # A second line would only repeat the first.
    assert len(failed) == 1, failed
