"""Dropout of the calibration: the same masks on every device, drawn on the CPU."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ablate.models.device import CPU
from ablate.models.dropout import DrawnOnCpu, dropout, has_dropout
from ablate.models.encode import encode, prepare
from ablate.models.model import Model
from ablate.testing.pretended import on_pretended_device
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("strided", [False, True])
def test_what_a_gpu_runs_gives_the_masks_and_gradients_of_the_cpu(p: float, strided: bool) -> None:
    values = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    values = (values.t() if strided else values).requires_grad_(True)

    def drawn(fused: bool) -> tuple[Tensor, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            # A GPU runs this operation for `dropout`; the CPU runs `bernoulli_` and a product.
            out = torch.native_dropout(values, p, True)[0] if fused else functional.dropout(values, p, True)
        (gradient,) = torch.autograd.grad((out * torch.arange(30).view_as(out)).sum(), values)
        return out.detach(), gradient

    expected, expected_gradient = drawn(fused=False)
    with DrawnOnCpu():  # type: ignore[no-untyped-call]
        found, gradient = drawn(fused=True)
        plain, _ = drawn(fused=False)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradient, expected_gradient)
    assert torch.equal(plain, expected)


def embedded(model: Model, seed: int) -> Tensor:
    features = model.pad(model.tokenize(["a dog runs", "the cat eats a red child"]))
    with dropout(model, seed), torch.no_grad():
        return model.embed(features).cpu()


def test_a_seed_gives_the_same_embeddings_everywhere_and_leaves_no_trace() -> None:
    model = tiny_model()
    state = State.of(model)
    here, other = embedded(model, 0), embedded(model, 1)
    assert torch.equal(embedded(model, 0), here)
    assert not torch.equal(other, here)
    with on_pretended_device(model):
        there = embedded(model, 0)
    torch.testing.assert_close(there, here, rtol=0, atol=1e-6)
    assert model.device == CPU
    assert state.changes(model) == []
    assert not torch.equal(encode(model, prepare(model, ["a dog runs"])), here[:1])


def test_whether_there_is_any() -> None:
    """Decoders have none unless their config says so; attention may have it without a module of its own."""
    still = tiny_model("qwen3")
    assert [has_dropout(model) for model in (tiny_model("bert"), tiny_model("t5"), still)] == [True, True, False]
    for layer in still.architecture.layers:
        still.backbone.get_submodule(f"{layer.path}.self_attn").attention_dropout = 0.3  # type: ignore[assignment]
    assert has_dropout(still)
    assert not still.backbone.training
