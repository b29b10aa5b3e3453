"""A cell on a SentenceTransformer in memory, against the masked model of the run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

import ablate
from ablate.errors import ModelError
from ablate.models.encode import encode, prepare
from ablate.models.masked import masked
from ablate.report.results import Results
from tests.bench import Bench, module_bench  # noqa: F401  # one is a fixture

SENTENCES = ["a man plays", "the big dog runs", "a child reads"]


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    return bench.run(granularities=["head", "unstructured"], sparsities=[0.5], controls={"matched": 0})


@pytest.mark.parametrize("name", ["head × magnitude 50 %", "unstructured × magnitude 50 %"])
def test_a_mask_is_applied_and_lifted(bench: Bench, results: Results, name: str) -> None:
    live = SentenceTransformer(str(bench.model), device="cpu")
    before, weights = live.encode(SENTENCES), {n: p.clone() for n, p in live.named_parameters()}
    cell = results[name]
    with ablate.masked(live, cell) as same:
        assert same is live
        inside = live.encode(SENTENCES)
    stored = cell.stored
    with masked(stored.model, stored.keep):
        expected = encode(stored.model, prepare(stored.model, SENTENCES)).numpy()
    assert np.abs(inside - expected).max() <= 1e-5
    assert np.abs(inside - before).max() > 1e-3
    assert (live.encode(SENTENCES) == before).all()
    assert all(torch.equal(parameter, weights[n]) for n, parameter in live.named_parameters())


def test_it_is_lifted_after_an_error(bench: Bench, results: Results) -> None:
    live = SentenceTransformer(str(bench.model), device="cpu")
    before = live.encode(SENTENCES)
    with pytest.raises(KeyError), ablate.masked(live, results["head × magnitude 50 %"]):
        raise KeyError
    assert (live.encode(SENTENCES) == before).all()


def test_half_precision_is_masked_and_other_weights_are_refused(bench: Bench, results: Results) -> None:
    cell = results["head × magnitude 50 %"]
    live = SentenceTransformer(str(bench.model), device="cpu").bfloat16()
    with ablate.masked(live, cell):
        assert any((parameter == 0).all(0).any() for n, parameter in live.named_parameters() if "output.dense" in n)
    with torch.no_grad():
        next(live.parameters())[0, 0] += 1
    message = "is not '.*' as the run has measured it: '.*' differs; load that model"
    with pytest.raises(ModelError, match=message), ablate.masked(live, cell):
        pass
