"""The norms of the inputs of the prunable linear modules."""

from __future__ import annotations

import torch
from torch import Tensor

from ablate.data.calibration import Calibration
from ablate.engine.inputs import forget, recorded_inputs
from ablate.engine.passes import Pass
from ablate.models.device import exact_float32, wide
from ablate.models.model import Model


def input_norms(model: Model, calibration: Calibration, planned: Pass) -> dict[str, Tensor]:
    """The L2 norm of each input feature over the tokens of a pass's sentences, padding left out.

    Returns:
        Module name -> float32 [in_features] on the CPU, for every prunable linear module.
    """
    sentences = list(calibration.sentences[: planned.size])
    modules = [name for layer in model.architecture.layers for name in layer.linears]
    # Mostly float64, because the sums are over many tokens, and their order should hardly matter.
    dtype = wide(model.device)
    squares = {name: torch.zeros(model.weight(name).shape[1], dtype=dtype, device=model.device) for name in modules}
    with torch.inference_mode(), exact_float32(), recorded_inputs(model, modules) as inputs:
        for start in range(0, planned.size, planned.batch_size):
            features = model.pad(model.tokenize(sentences[start : start + planned.batch_size]))
            real = features["attention_mask"].bool()
            forget(inputs)
            model.embed(features)
            for name in modules:
                for given in inputs[name]:
                    squares[name] += given[real].to(dtype).square().sum(0)
    return {name: total.sqrt().float().cpu() for name, total in squares.items()}
