"""Products on the CPU by oneDNN: the same numbers up to rounding, only for linear layers, and only where it is faster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils.flop_counter import FlopCounterMode

from ablate.models import products
from ablate.models.encode import encode, prepare
from ablate.models.products import MARGIN, counted_operations, gradients_of_values, inference, one_dnn, one_dnn_times
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_calibration
from ablate.testing.tiny import tiny_model

CPU = torch.device("cpu")
SENTENCES = list(sample_calibration().sentences)


@pytest.fixture(autouse=True)
def _measured_anew() -> Iterator[None]:
    yield
    one_dnn_times.cache_clear()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The shapes of what oneDNN is given, where it is as fast as is asked for."""
    made: list[torch.Size] = []

    def counted(given: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        made.append(given.shape)
        return one_dnn(given, weight, bias)

    monkeypatch.setattr(products, "one_dnn", counted)
    monkeypatch.setattr(products, "one_dnn_times", lambda: MARGIN)
    return made


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(5, 384), (3, 7, 384), (2, 3, 4, 384), (1, 384)])
@pytest.mark.parametrize("biased", [True, False])
def test_it_is_as_exact_as_torch(shape: tuple[int, ...], biased: bool) -> None:
    given, weight = drawn(*shape), drawn(1536, 384, seed=1)
    bias = drawn(1536, seed=2) if biased else None
    truth = given.double() @ weight.double().T + (bias.double() if bias is not None else 0.0)
    errors = [(product(given, weight, bias) - truth).abs().max() for product in (one_dnn, linear)]
    assert errors[0] < 2 * errors[1] + 1e-6


def test_inputs_that_are_not_contiguous() -> None:
    given, weight = drawn(384, 6).T, drawn(384, 20, seed=1).T
    torch.testing.assert_close(one_dnn(given, weight, None), linear(given, weight), atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", STRUCTURES)
def test_embeddings_agree(family: str, calls: list[torch.Size], monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(family)
    prepared = prepare(model, SENTENCES)
    ours = encode(model, prepared)
    linears = sum(len(layer.linears) for layer in model.architecture.layers)
    assert len(calls) >= linears * len(prepared.batches)
    calls.clear()
    monkeypatch.setattr(products, "one_dnn_times", lambda: MARGIN - 0.01)
    torch.testing.assert_close(ours, encode(model, prepared), atol=1e-5, rtol=0)
    assert calls == [], "where it is hardly faster, torch's own products are taken"


def test_other_types_devices_and_calls_are_left_to_torch(calls: list[torch.Size]) -> None:
    with inference(CPU):
        for given in (drawn(2, 8).double(), drawn(2, 8).bfloat16(), drawn(0, 8), drawn(2, 8).to("meta")):
            linear(given, drawn(3, 8).to(given), None)
        linear(input=drawn(2, 8), weight=drawn(3, 8))
        assert calls == []
        nn.Linear(8, 3)(drawn(2, 8))
        assert calls == [(2, 8)]
    linear(drawn(2, 8), drawn(3, 8), None)
    with inference(torch.device("meta")):
        linear(drawn(2, 8), drawn(3, 8), None)
    assert len(calls) == 1


def test_it_ends_with_the_block_also_after_an_error(calls: list[torch.Size]) -> None:
    with pytest.raises(KeyError), inference(CPU):
        raise KeyError
    linear(drawn(2, 8), drawn(3, 8), None)
    assert calls == []
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("error", [AttributeError, RuntimeError, None])
def test_a_torch_without_it_or_with_a_wrong_one_does_not_use_it(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception] | None
) -> None:
    def broken(given: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if error is not None:
            raise error("no such operator")
        return linear(given, weight, bias) + 0.1

    one_dnn_times.cache_clear()
    monkeypatch.setattr(products, "one_dnn", broken)
    assert one_dnn_times() == 0.0


def test_the_shortest_of_several_times_decides_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one_dnn_times.cache_clear()
    seconds = {linear: iter([9, 4, 8, 9, 9, 9, 9]), one_dnn: iter([8, 8, 8, 8, 2, 8, 8])}
    monkeypatch.setattr(products, "_seconds", lambda product, *_: next(seconds[product]))
    assert one_dnn_times() == 2.0
    assert one_dnn_times() == 2.0


def test_its_operations_are_those_of_the_product() -> None:
    given, weight = drawn(3, 7, 384), drawn(20, 384)
    counted = []
    for product in (one_dnn, linear):
        with FlopCounterMode(display=False, custom_mapping=counted_operations()) as counter:
            product(given, weight, None)
        counted.append(counter.get_total_flops())
    assert counted == [2 * 3 * 7 * 384 * 20] * 2


@pytest.mark.parametrize("shape", [(5, 384), (2, 7, 384)])
def test_gradients_of_values_are_as_exact_as_torchs(shape: tuple[int, ...], calls: list[torch.Size]) -> None:
    given, weight, bias = drawn(*shape).requires_grad_(), drawn(64, 384, seed=1), drawn(64, seed=2)
    above = drawn(*shape[:-1], 64, seed=3)
    with gradients_of_values(CPU):
        value = linear(given, weight, bias)
    (gradient,) = torch.autograd.grad(value, given, above)
    (plain,) = torch.autograd.grad(linear(given, weight, bias), given, above)
    assert len(calls) == 2
    truth = above.double() @ weight.double()
    errors = [float((one.double() - truth).abs().max()) for one in (gradient, plain)]
    assert errors[0] < 2 * errors[1] + 1e-6


def test_weights_that_need_a_gradient_get_it(calls: list[torch.Size]) -> None:
    given, weight, bias = drawn(3, 8), drawn(4, 8, seed=1).requires_grad_(), drawn(4, seed=2)
    with gradients_of_values(CPU):
        value = linear(given, weight, bias).sum()
    (gradient,) = torch.autograd.grad(value, weight)
    assert calls == []
    torch.testing.assert_close(gradient, given.sum(0).expand(4, 8))
