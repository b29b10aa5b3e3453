"""Batches on a GPU: as large as its free memory allows, and smaller where that is not enough."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ablate.engine.evaluator import Evaluator
from ablate.granularities.base import Granularity
from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.replay import removals
from ablate.models import memory
from ablate.models.device import DeviceFull
from ablate.models.encode import encode, prepare
from ablate.models.masked import masked
from ablate.models.memory import MOST, ON_CPU, OTHER, token_budget
from ablate.models.model import Model
from ablate.testing.pretended import on_pretended_device
from ablate.testing.samples import sample_calibration
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model
from tests.bench import Bench, make_bench

SENTENCES = [*sample_calibration().sentences[:30], "", "a dog " * 20]


class SmallMemory:
    """A device that has room for batches of so many tokens, padding included."""

    def __init__(self, model: Model, tokens: int) -> None:
        self.tokens, self.tried = tokens, list[int]()
        self._name = "embeddings"
        self._handle = model.backbone.get_submodule(self._name).register_forward_pre_hook(self._check, with_kwargs=True)

    def _check(self, _: object, __: tuple[object, ...], kwargs: dict[str, Tensor]) -> None:
        tokens = kwargs["input_ids"].numel()
        self.tried.append(tokens)
        if tokens > self.tokens:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    def remove(self) -> None:
        self._handle.remove()


@pytest.fixture
def model() -> Model:
    return tiny_model()


def test_the_budget_of_the_cpu_is_as_measured(model: Model) -> None:
    assert token_budget(model) == prepare(model, ["a"]).token_budget == ON_CPU == 2048


def test_a_device_that_says_nothing_has_a_budget_of_its_own(model: Model) -> None:
    with on_pretended_device(model):
        assert token_budget(model) == OTHER


class OnGpu(Model):
    device = torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("free", "peak", "budget"),
    [
        # 2048 tokens take 2048 × 10,000 bytes, so half of 400 MB is 20,000 tokens.
        (400e6, 20_480_000, 20_000),
        (80e9, 20_480_000, MOST),
        (1e6, 20_480_000, ON_CPU),
        (400e6, 0, MOST),
    ],
)
def test_the_budget_of_a_gpu_follows_its_free_memory(
    model: Model, monkeypatch: pytest.MonkeyPatch, free: float, peak: int, budget: int
) -> None:
    probed = []

    def peak_bytes(_: torch.device, work: object) -> int:
        assert callable(work)
        work()
        return peak

    def embed(features: dict[str, Tensor]) -> Tensor:
        probed.append(features["input_ids"].numel())
        return model.embed(features)

    monkeypatch.setattr(memory, "free_bytes", lambda _: int(free))
    monkeypatch.setattr(memory, "peak_bytes", peak_bytes)
    fields = {name: getattr(model, name) for name in model.__dataclass_fields__}
    assert token_budget(OnGpu(**{**fields, "embed": embed})) == budget
    token_budget(OnGpu(**{**fields, "embed": embed}))
    assert probed == [2048], "a model is measured once"


@pytest.mark.parametrize("room", [400, 70, 45])
def test_batches_are_halved_until_they_fit(model: Model, room: int) -> None:
    expected = encode(model, prepare(model, SENTENCES))
    prepared = prepare(model, SENTENCES)
    small = SmallMemory(model, room)
    found = encode(model, prepared)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert prepared.token_budget <= 2048 // 2
    assert prepared.sentences == len(SENTENCES)
    assert sorted(int(row) for batch in prepared.batches for row in batch.rows) == list(range(len(SENTENCES)))
    # The next cell begins with what fits.
    small.tried.clear()
    encode(model, prepared)
    assert max(small.tried) <= room
    assert len(small.tried) == len(prepared.batches)


def test_one_sentence_that_does_not_fit_ends_it(model: Model) -> None:
    state = State.of(model)
    small = SmallMemory(model, 10)
    with pytest.raises(DeviceFull) as error, masked(model, Head().keep(model, torch.arange(8) > 0)):
        encode(model, prepare(model, SENTENCES))
    small.remove()
    assert str(error.value).startswith("the free memory of cpu is too small for one sentence of 42 tokens; ")
    assert state.changes(model) == []


@pytest.mark.parametrize("granularity", [Head(), Neuron()], ids=lambda g: g.name)
def test_exact_removal_goes_on_where_it_was(model: Model, granularity: Granularity) -> None:
    layers = granularity.layers(model)
    groups = [(layers == layer).nonzero().flatten()[k : k + 1] for layer in (0, 1) for k in (0, 1, 2)]
    expected = dict(removals(model, prepare(model, SENTENCES), granularity, groups))
    state = State.of(model)
    found: dict[int, Tensor] = {}
    small = SmallMemory(model, 10_000)
    prepared = prepare(model, SENTENCES, token_budget=500)
    for number, embeddings in removals(model, prepared, granularity, groups):
        assert number not in found, "a group is removed twice"
        found[number] = embeddings
        # Another program takes memory in the middle of a layer, and again in the next one.
        small.tokens = {0: 260, 3: 130}.get(number, small.tokens)
    small.remove()
    assert found.keys() == expected.keys()
    for number, embeddings in expected.items():
        torch.testing.assert_close(found[number], embeddings, rtol=0, atol=1e-5)
    assert state.changes(model) == []
    assert prepared.token_budget < 260


def test_the_cell_fails_with_the_reason_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = make_bench(tmp_path, monkeypatch)
    embed = Evaluator.embed
    calls = 0

    def full(self: Evaluator, *args: object, **given: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            small = SmallMemory(self.model, 3)
            try:
                return embed(self, *args, **given)  # type: ignore[arg-type]
            finally:
                small.remove()
        return embed(self, *args, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(Evaluator, "embed", full)
    results = bench.run(sparsities=[0.25, 0.5])
    (failed,) = results.failed
    assert failed.reason is not None
    assert failed.reason.startswith("DeviceFull: the free memory of cpu is too small for one sentence of ")
    assert "plug-in" not in failed.reason
    assert [row.status for row in results.rows] == ["ok", "failed", "ok"]


def test_a_calibration_batch_is_not_divided(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench: Bench = make_bench(tmp_path, monkeypatch)

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("ablate.engine.gradients._loss", full)
    results = bench.run(scorers=["align", "magnitude"])
    (failed,) = results.failed
    assert failed.scorer == "align"
    assert failed.reason == (
        "DeviceFull: gradient of align: a batch of 8 pairs does not fit into the free memory of cpu; lower "
        "calibration.batch_size, which changes the scores, or use another device"
    )
    assert replace(model).device == torch.device("cpu")
