"""Measures what a model costs to run on this machine, in a process of its own: ``python -m ablate.export.measure``.

The process reads ``{"spec": {...}, "sentences": [...], "device": "cpu", "precision": "float32"}`` from stdin, and
prints a :class:`Cost` as JSON. Each model has a fresh one, because the peak memory of a process never falls.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from ablate.errors import AblateError
from ablate.models.spec import ModelSpec, Precision

if TYPE_CHECKING:
    import torch

    from ablate.models.model import Model

ROUNDS = 3
"""How often each model is measured. The models take turns, so that a slow minute of the machine affects them all."""

LATENCY = 50
"""How many sentences are encoded one by one to measure the latency."""


@dataclass(frozen=True)
class Cost:
    """parameters: of the encoder. sentences_per_second: in batches. latency: seconds for one sentence, the median.

    flops: floating-point operations for a sentence (a multiply-add counts as two), the mean over the sentences.
    memory: peak memory of the process in bytes, libraries included; on a GPU, the peak of its own memory.
    """

    parameters: int
    sentences_per_second: float
    latency: float
    flops: float
    memory: int


def compare(
    specs: Sequence[ModelSpec], sentences: Sequence[str], device: torch.device, precision: Precision
) -> list[Cost]:
    """The cost of each model: medians over :data:`ROUNDS` rounds in which the models take turns.

    Raises:
        AblateError: a process fails.
    """
    settings = {"sentences": list(sentences), "device": str(device), "precision": precision}
    rounds = [[_measure_in_a_process(spec, settings) for spec in specs] for _ in range(ROUNDS)]
    return [
        Cost(**{key: median(asdict(cost)[key] for cost in costs) for key in asdict(costs[0])})
        for costs in zip(*rounds, strict=True)
    ]


def _measure_in_a_process(spec: ModelSpec, settings: Mapping[str, Any]) -> Cost:
    request = json.dumps({"spec": spec.model_dump(mode="json"), **settings})
    done = subprocess.run(
        [sys.executable, "-m", "ablate.export.measure"], input=request, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AblateError(f"model '{spec.name}' cannot be measured: {last}")
    return Cost(**json.loads(done.stdout))


def measure(spec: ModelSpec, sentences: Sequence[str], device: str = "cpu", precision: Precision = "float32") -> Cost:
    """The cost of a model in this process."""
    from ablate.models.device import resolve
    from ablate.models.load import load_model
    from ablate.models.precision import in_precision

    model = load_model(spec, resolve(device))
    with in_precision(model, precision):
        return _measured(model, sentences)


def _measured(model: Model, sentences: Sequence[str]) -> Cost:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from ablate.models.encode import encode, prepare
    from ablate.models.products import counted_operations

    prepared = prepare(model, sentences)
    # Warm up, so that costs of the first pass alone are not measured.
    encode(model, prepare(model, sentences[:32]))
    start = time.perf_counter()
    encode(model, prepared)
    seconds = time.perf_counter() - start
    latencies = []
    for sentence in sentences[:LATENCY]:
        single = prepare(model, [sentence])
        start = time.perf_counter()
        encode(model, single)
        latencies.append(time.perf_counter() - start)
    if model.device.type == "cuda":
        memory = torch.cuda.max_memory_allocated(model.device)
    else:
        # ru_maxrss is in bytes on macOS and in KiB on Linux.
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    counter = FlopCounterMode(display=False, custom_mapping=counted_operations())
    # Last, because the counter itself takes time and memory. With the math backend, because the counter does not see
    # the matrix products inside fused attention.
    with counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        encode(model, prepared)
    parameters = sum(parameter.numel() for parameter in model.backbone.parameters())
    flops = counter.get_total_flops() / len(sentences)
    return Cost(parameters, len(sentences) / seconds, median(latencies), flops, memory)


if __name__ == "__main__":
    request = json.load(sys.stdin)
    spec = ModelSpec.model_validate(request.pop("spec"))
    print(json.dumps(asdict(measure(spec, **request))))
