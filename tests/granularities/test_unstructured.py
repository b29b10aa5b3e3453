"""Single weights of some matrices of a layer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from ablate.errors import ModelError
from ablate.granularities.unstructured import ALL, Part, Unstructured
from ablate.models.load import load_model
from ablate.models.model import Model
from ablate.models.spec import ModelSpec
from ablate.testing.tiny import save_tiny


def tiny(folder: Path, family: str) -> Model:
    return load_model(ModelSpec(name=str(save_tiny(folder / family, family=family))))


MATRICES: dict[Part, str] = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "ffn_in": "intermediate.dense",
    "ffn_out": "output.dense",
}


@pytest.mark.parametrize("part", ALL)
def test_the_weights_of_one_part(tmp_path: Path, part: Part) -> None:
    model = tiny(tmp_path, "bert")
    granularity = Unstructured(parts=(part,))
    names = [f"encoder.layer.{layer}.{MATRICES[part]}" for layer in range(len(model.architecture.layers))]
    assert list(granularity.carriers(model)) == names
    units = torch.zeros(len(granularity.layers(model)), dtype=torch.bool)
    assert len(units) == sum(model.weight(name).numel() for name in names)
    kept = granularity.keep(model, units)
    assert list(kept) == [f"{name}.weight" for name in names]
    assert not any(mask.any() for mask in kept.values())


def test_all_parts_are_the_granularity_as_it_was() -> None:
    assert Unstructured(parts=tuple(reversed(ALL))) == Unstructured()
    assert Unstructured().identity()["parameters"] == {}
    some = Unstructured(parts=("value", "query"))
    assert some == Unstructured(parts=("query", "value"))
    assert some.identity()["parameters"] == {"parts": ["query", "value"]}


def test_parts_that_are_none() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        Unstructured(parts=())
    with pytest.raises(ValidationError, match="ffn_in"):
        Unstructured.model_validate({"parts": ["ffn"]})


@pytest.mark.parametrize(
    ("family", "module"), [("modernbert", "layers.0.attn.Wqkv"), ("deberta", "encoder.layer.0.attention.self.in_proj")]
)
def test_parts_in_one_module_go_together(tmp_path: Path, family: str, module: str) -> None:
    model = tiny(tmp_path, family)
    told = f"'{re.escape(module)}' holds query, key, value in one module; add query and value to parts"
    with pytest.raises(ModelError, match=told):
        Unstructured(parts=("key",)).carriers(model)
    assert Unstructured(parts=("query", "key", "value")).carriers(model)[0] == module
    feedforward = Unstructured(parts=("ffn_in", "ffn_out")).carriers(model)
    assert len(feedforward) == 2 * len(model.architecture.layers)
    assert module not in feedforward
