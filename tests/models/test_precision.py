"""Evaluation in bf16 and fp16: close to float32, embeddings in float32, and the model afterwards as before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from torch import Tensor

from ablate.engine.evaluator import Evaluator
from ablate.errors import ModelError, RecipeError
from ablate.granularities.head import Head
from ablate.models.device import CPU
from ablate.models.encode import encode, prepare
from ablate.models.load import load_model
from ablate.models.masked import masked
from ablate.models.materialize import materialized
from ablate.models.model import Model
from ablate.models.precision import check_precision, in_precision
from ablate.models.spec import ModelSpec, Precision
from ablate.plan.job import prepare_job
from ablate.recipe.recipe import load_recipe
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_calibration, sample_tasks
from ablate.testing.state import State
from ablate.testing.tiny import save_tiny, tiny_model

SENTENCES = sample_calibration().sentences[:20]
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def seen_by(model: Model, precision: Precision) -> tuple[Tensor, set[torch.dtype]]:
    """The embeddings, and the types of the parameters and buffers that the model has meanwhile."""
    with in_precision(model, precision):
        tensors = [*model.network.parameters(), *model.network.buffers()]
        types = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
        return encode(model, prepare(model, SENTENCES)), types


def angles(a: Tensor, b: Tensor) -> float:
    """The largest distance of two cosines of sentences, computed from two embeddings."""
    cosines = [torch.nn.functional.normalize(x, dim=1) for x in (a, b)]
    return float((cosines[0] @ cosines[0].T - cosines[1] @ cosines[1].T).abs().max())


@pytest.mark.parametrize("family", STRUCTURES)
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_it_is_close_to_float32_and_leaves_the_model_as_it_was(family: str, precision: Precision) -> None:
    check_precision(precision, CPU)
    model = tiny_model(family)
    exact, state = encode(model, prepare(model, SENTENCES)), State.of(model)
    pointers = {name: parameter.data_ptr() for name, parameter in model.backbone.named_parameters()}
    found, types = seen_by(model, precision)
    assert types == {TYPES[precision]}
    assert found.dtype == torch.float32
    assert 0 < angles(found, exact) < 0.05
    assert state.changes(model) == []
    assert pointers == {name: parameter.data_ptr() for name, parameter in model.backbone.named_parameters()}
    assert torch.equal(encode(model, prepare(model, SENTENCES)), exact)


def with_dense(folder: Path) -> ModelSpec:
    """A tiny model in the format of sentence-transformers with a dense layer behind its pooling."""
    loaded = SentenceTransformer(str(save_tiny(folder / "plain")), device="cpu")
    torch.manual_seed(0)
    dense = Dense(32, 8)
    SentenceTransformer(modules=[loaded[0], loaded[1], dense], device="cpu").save_pretrained(str(folder / "dense"))
    return ModelSpec(name=str(folder / "dense"))


def test_modules_behind_the_backbone_are_cast_too(tmp_path: Path) -> None:
    model = load_model(with_dense(tmp_path))
    exact = encode(model, prepare(model, SENTENCES))
    assert exact.shape[1] == 8
    found, types = seen_by(model, "bf16")
    assert types == {torch.bfloat16}
    assert 0 < angles(found, exact) < 0.05
    assert torch.equal(encode(model, prepare(model, SENTENCES)), exact)


def test_under_a_mask_in_either_order_and_after_an_error() -> None:
    model = tiny_model()
    state = State.of(model)
    keep = Head().keep(model, torch.arange(8) % 3 != 0)
    prepared = prepare(model, SENTENCES)
    with masked(model, keep), in_precision(model, "bf16"):
        first = encode(model, prepared)
    with in_precision(model, "bf16"), masked(model, keep):
        second = encode(model, prepared)
    with in_precision(model, "bf16"), materialized(model, keep):
        smaller = encode(model, prepared)
    assert torch.equal(first, second)
    assert angles(first, smaller) < 0.05
    with pytest.raises(KeyError), in_precision(model, "fp16"), masked(model, keep):
        raise KeyError
    assert state.changes(model) == []


def test_a_precision_that_the_device_does_not_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise RuntimeError("\"LayerNormKernelImpl\" not implemented for 'Half'. More\nlines")

    monkeypatch.setattr("ablate.models.precision.functional.layer_norm", missing)
    text = "fp16 does not work on cpu (\"LayerNormKernelImpl\" not implemented for 'Half'); use float32"
    with pytest.raises(ModelError) as error:
        check_precision("fp16", CPU)
    assert str(error.value) == text
    check_precision("float32", CPU)
    recipe = tmp_path / "r.yaml"
    recipe.write_text("model: nowhere\nscorers: [align]\ngranularities: [head]\nsparsities: [0.1]\nprecision: fp16\n")
    with pytest.raises(RecipeError) as refused:
        prepare_job(*load_recipe(recipe))
    assert str(refused.value) == f"{recipe}:5:1: precision: {text}"
    with pytest.raises(RecipeError) as refused:
        prepare_job(*load_recipe(recipe, precision="fp16"))
    assert str(refused.value) == f"precision: {text}"


def test_a_value_that_is_not_finite_is_undefined_and_not_a_number() -> None:
    model = tiny_model()
    # fp16 ends at 65504.
    model.backbone.get_parameter("encoder.layer.1.output.LayerNorm.weight").data.mul_(1e5)
    (task,) = sample_tasks(("sts-dev",))["sts-dev"][:1]
    result = Evaluator(model).embed({}, [task], precision="fp16").measure(task)
    assert (result.status, result.reason) == ("undefined", "the model's embeddings are not finite")
    assert json.dumps(result.about)


@pytest.mark.parametrize("family", STRUCTURES)
def test_fused_attention_equals_eager_attention(family: str) -> None:
    model = tiny_model(family)
    backbone = model.backbone
    default = backbone.config._attn_implementation  # type: ignore[union-attr]
    assert default in ("sdpa", "eager")
    found = {}
    for implementation in ("sdpa", "eager"):
        try:
            backbone.set_attn_implementation(implementation)  # type: ignore[operator]
        except ValueError:
            assert implementation != default, "a family without fused attention runs eagerly"
            continue
        found[implementation] = encode(model, prepare(model, SENTENCES, token_budget=128))
    assert default in found
    for embeddings in found.values():
        torch.testing.assert_close(embeddings, found["eager"], rtol=0, atol=1e-5)
