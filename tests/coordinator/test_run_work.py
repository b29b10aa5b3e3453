"""What a run computes, in counts: passes, sentences, tokens and layers. CI guards these, and no seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ablate.data.sources import resolve
from ablate.engine import lower_layers
from ablate.models.encode import Prepared, encode
from ablate.models.model import Model
from ablate.report.results import Results
from ablate.store.store import Store
from tests.bench import Bench, make_bench


@dataclass
class Work:
    """What was encoded. layers: of each layer, how many batches ran through it."""

    sentences: int = 0
    tokens: int = 0
    batches: int = 0
    layers: Counter[int] = field(default_factory=Counter)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    done = Work()

    def counted(model: Model, prepared: Prepared, on_batch: Callable[[int], None] | None = None) -> torch.Tensor:
        done.sentences += prepared.sentences
        done.tokens += prepared.tokens
        done.batches += len(prepared.batches)
        handles = []
        for number, layer in enumerate(model.architecture.layers):

            def ran(_: nn.Module, __: object, number: int = number) -> None:
                done.layers[number] += 1

            module = model.backbone.get_submodule(layer.path)
            if sum(1 for _ in module.parameters()):  # a stand-in has none
                handles.append(module.register_forward_pre_hook(ran))
        try:
            return encode(model, prepared, on_batch)
        finally:
            for handle in handles:
                handle.remove()

    monkeypatch.setattr(lower_layers, "encode", counted)
    return done


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    with pytest.MonkeyPatch.context() as own:  # it counts less
        return make_bench(tmp_path, own)


def sentences(bench: Bench, name: str) -> int:
    return len(resolve(f"senteval:{bench.data}", {}).source.load(name).sentences)


def masks(results: Results, stage: str) -> int:
    """How many different masks a stage has, dense included. Cells with the same mask share their results."""
    return len({row.result for row in results.rows if row.stage == stage and row.task in ("stsb-dev", "stsb")})


GRID: dict[str, Any] = {
    "scorers": ["align", "uniform", "combined"],
    "granularities": ["head", "neuron", "unstructured"],
    "sparsities": [0.1, 0.3],
    "controls": {"matched": 2},
    "confirm": ["stsb"],
}


def test_a_grid_makes_two_passes_and_encodes_each_sentence_once_for_each_mask(bench: Bench, work: Work) -> None:
    results = bench.run(**GRID)
    assert bench.passes == ["pass: gradient of align", "pass: gradient of uniform"]
    screened, confirmed = masks(results, "screen"), masks(results, "confirm")
    expected = screened * sentences(bench, "stsb-dev") + confirmed * sentences(bench, "stsb")
    assert work.sentences == expected
    assert work.batches == screened + confirmed, "each set fits into one batch"


def test_layers_below_the_first_changed_one_run_once(bench: Bench, work: Work) -> None:
    results = bench.run(scorers=["random"], granularities=["head"], sparsities=[0.125], seeds=list(range(12)))
    removed = set()
    with Store(bench.store) as store:
        for row in results.rows[1:]:
            mask = store.get_mask(store.mask_keys(row.key)[0])
            assert mask is not None
            removed.add(int(next(iter(mask.units.values())).argmin()))
    upper = sum(head >= 4 for head in removed)
    assert 1 < upper < len(removed)
    assert work.batches == 1 + len(removed)
    # Dense, each mask that changes layer 0, and the first that leaves it whole.
    assert work.layers == {0: 1 + len(removed) - upper + 1, 1: 1 + len(removed)}


def test_padding_is_little(bench: Bench, work: Work) -> None:
    bench.run(scorers=["magnitude"], granularities=["unstructured"])
    (dense_and_cell,) = {work.sentences // sentences(bench, "stsb-dev")}
    assert dense_and_cell == 2
    assert work.tokens / work.sentences < 12


def test_a_run_that_has_everything_computes_nothing(bench: Bench, work: Work) -> None:
    bench.run(**GRID)
    work.__init__()  # type: ignore[misc]
    bench.clear()
    bench.run(**GRID)
    assert (work, bench.passes) == (Work(), [])
