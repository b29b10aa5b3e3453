"""The norms of what flows into linear modules, against those of each sentence by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ablate.engine.collect import collect
from ablate.granularities.head import Head
from ablate.scorers.statistics import InputNorm
from ablate.testing.plugin_contract import STRUCTURES
from ablate.testing.samples import sample_calibration
from ablate.testing.state import State
from ablate.testing.tiny import tiny_model

Floats = NDArray[np.float64]


@pytest.mark.parametrize("family", STRUCTURES)
def test_input_norms_are_those_of_each_sentence_by_itself(family: str) -> None:
    model, calibration = tiny_model(family), sample_calibration()
    names = [name for layer in model.architecture.layers for name in layer.linears]
    for statistic, sentences in ((InputNorm(), calibration.sentences), (InputNorm(5), calibration.sentences[:5])):
        squares = {name: np.zeros(model.weight(name).shape[1]) for name in names}

        def adding(name: str, squares: dict[str, Floats] = squares) -> Callable[..., None]:
            def hook(_: object, args: tuple[Tensor]) -> None:
                squares[name] += (args[0].double().numpy() ** 2).sum((0, 1))

            return hook

        handles = [model.backbone.get_submodule(n).register_forward_pre_hook(adding(n)) for n in names]
        with torch.no_grad():
            for sentence in sentences:
                model.embed(model.pad(model.tokenize([sentence])))
        for handle in handles:
            handle.remove()
        found = collect(model, calibration, [(Head(), statistic)]).norms[statistic]
        assert found.keys() == squares.keys()
        for name, expected in squares.items():
            assert found[name].dtype == torch.float32
            assert np.allclose(found[name].numpy(), np.sqrt(expected), rtol=1e-5)


def test_input_norms_leave_no_hook_behind_when_they_fail() -> None:
    model, calibration = tiny_model(), sample_calibration()
    state = State.of(model)

    def embed(_: Any) -> Tensor:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        collect(dataclasses.replace(model, embed=embed), calibration, [(Head(), InputNorm())])
    assert state.changes(model) == []
