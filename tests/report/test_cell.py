"""Cells of a finished run in Python, against the rows, an own top-k, and the contributions and values of a fresh model."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from scipy.stats import spearmanr

import ablate
from ablate.errors import AblateError
from ablate.models.load import load_model
from ablate.models.spec import ModelSpec
from ablate.report.results import Results
from tests.bench import Bench, module_bench  # noqa: F401  # one is a fixture

NAME = "neuron × align 25 %"


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    return bench.run(
        scorers=["align", "random"],
        granularities=["head", "neuron"],
        sparsities=[0.25],
        seeds=[0, 1],
        controls={"matched": 1},
        confirm=["stsb"],
    )


def test_a_cell_is_found_by_its_name_or_key(results: Results) -> None:
    cell = results[NAME]
    assert (cell.name, cell.model) == (NAME, results.rows[0].model)
    assert results[cell.key[:8]] == results[cell.key] == cell
    assert cell.rows == tuple(row for row in results.rows if row.key == cell.key)
    assert {row.stage for row in cell.rows} >= {"screen"}
    assert cell.verdict in {row.mean_verdict or row.verdict for row in cell.rows}
    assert {item.cell for item in cell.evidence} == {NAME}
    assert [one.name for one in results.cells].count("head × random 25 %") == 2, "one for each seed"
    with pytest.raises(
        AblateError, match=r"'head × random 25 %' is the name of 2 cells; give the key of one: '\w{16}'"
    ):
        results["head × random 25 %"]
    with pytest.raises(AblateError, match=r"no cell 'neuron × aling 25 %'; did you mean 'neuron × align 25 %'\?"):
        results["neuron × aling 25 %"]
    with pytest.raises(AblateError, match="'dense' is dense or a control"):
        results["dense"]


def test_its_mask_removes_the_units_of_lowest_contribution(results: Results) -> None:
    cell = results[NAME]
    mask, contributions = cell.mask["neuron"], cell.contributions["neuron"]
    assert list(cell.mask) == list(cell.contributions) == ["neuron"]
    # 2 layers of 64 neurons.
    assert mask.layer.tolist() == contributions.layer.tolist() == [0] * 64 + [1] * 64
    assert mask.index.tolist() == [*range(64), *range(64)]
    lowest = np.argsort(contributions.values)[:32]
    assert sorted(np.flatnonzero(~mask.values)) == sorted(lowest)


def test_contributions_need_no_recipe(bench: Bench, results: Results) -> None:
    expected = results[NAME].contributions["neuron"].values
    # A calibration set of its own size; that of the run has 16 pairs.
    scored = ablate.scores(str(bench.model), "magnitude", "neuron", data="embedded")
    output = load_model(ModelSpec(name=str(bench.model))).weight("encoder.layer.1.output.dense")
    assert np.allclose(scored.values[64:], output.detach().norm(dim=0).numpy())
    assert scored.granularity == "neuron"
    assert scored.values.shape == expected.shape


def test_the_values_of_pairs_give_the_scores_of_its_rows(results: Results) -> None:
    cell = results[NAME]
    for row in cell.rows:
        if row.task != "stsb-dev":
            continue
        pairs = cell.pairs("stsb-dev")
        assert row.score == pytest.approx(100 * spearmanr(pairs.cell, pairs.gold).statistic)
        assert row.dense == pytest.approx(100 * spearmanr(pairs.dense, pairs.gold).statistic)
        assert int(pairs.clean.sum()) == row.n_clean
    with pytest.raises(AblateError, match=f"'{NAME}' was not evaluated on 'stsb-dve'; did you mean 'stsb-dev'"):
        cell.pairs("stsb-dve")


def test_some_cells_are_kept_with_their_controls(results: Results) -> None:
    kept = results.filter(granularity="neuron", scorer="align")
    assert [cell.name for cell in kept.cells] == [NAME]
    key = kept.cells[0].key
    assert {row.cell for row in kept.rows if key not in (row.key, row.control_of)} == {"dense"}
    assert [row for row in kept.rows if row.control_of == key] == [row for row in results.rows if row.control_of == key]
    assert kept.evidence == [item for item in results.evidence if item.cell == NAME]
    assert {row.stage for row in results.filter(stage="screen").rows} == {"screen"}
    with pytest.raises(AblateError, match="cells cannot be filtered by 'granularty'; did you mean 'granularity'"):
        results.filter(granularty="head")
    with pytest.raises(AblateError, match="no cell has scorer uniform"):
        results.filter(scorer="uniform")


def test_a_changed_model_has_no_contributions_of_the_run(bench: Bench, results: Results) -> None:
    file = bench.model / "model.safetensors"
    before = file.read_bytes()
    cell = results[NAME]
    try:
        tensors = load_file(file)
        tensors["encoder.layer.0.output.dense.weight"] += 1
        save_file(tensors, file)
        with pytest.raises(AblateError, match="has changed since the run"):
            _ = cell.contributions
    finally:
        file.write_bytes(before)
