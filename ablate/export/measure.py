"""What a model costs to run here, measured in a process of its own: ``python -m ablate.export.measure``.

Reads ``{"spec": {...}, "sentences": [...]}`` from stdin, and prints a :class:`Cost` as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from ablate.errors import AblateError
from ablate.models.spec import ModelSpec

ROUNDS = 3
"""Models take turns so often, so that a slow minute of the machine is not one model's alone."""

LATENCY = 50
"""Sentences that are encoded one by one."""


@dataclass(frozen=True)
class Cost:
    """parameters: of the encoder. sentences_per_second: in batches. latency: seconds for one sentence, the median.

    flops: floating-point operations for a sentence (a multiply-add counts as two), the mean over the sentences.
    memory: bytes that the process held at most, libraries included.
    """

    parameters: int
    sentences_per_second: float
    latency: float
    flops: float
    memory: int


def compare(specs: Sequence[ModelSpec], sentences: Sequence[str]) -> list[Cost]:
    """The cost of each model: medians over :data:`ROUNDS` rounds in which they take turns.

    Raises:
        AblateError: a process fails.
    """
    rounds = [[_in_a_process(spec, sentences) for spec in specs] for _ in range(ROUNDS)]
    return [
        Cost(**{key: median(asdict(cost)[key] for cost in of_model) for key in asdict(of_model[0])})
        for of_model in zip(*rounds, strict=True)
    ]


def _in_a_process(spec: ModelSpec, sentences: Sequence[str]) -> Cost:
    asked = json.dumps({"spec": spec.model_dump(mode="json"), "sentences": list(sentences)})
    done = subprocess.run(
        [sys.executable, "-m", "ablate.export.measure"], input=asked, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise AblateError(f"model '{spec.name}' cannot be measured: {last}")
    return Cost(**json.loads(done.stdout))


def measure(spec: ModelSpec, sentences: Sequence[str]) -> Cost:
    """The cost of a model in this process."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from ablate.models.encode import encode, prepare
    from ablate.models.load import load_model

    model = load_model(spec)
    prepared = prepare(model, sentences)
    encode(model, prepare(model, sentences[:32]))
    start = time.perf_counter()
    encode(model, prepared)
    seconds = time.perf_counter() - start
    single = []
    for sentence in sentences[:LATENCY]:
        one = prepare(model, [sentence])
        start = time.perf_counter()
        encode(model, one)
        single.append(time.perf_counter() - start)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    counter = FlopCounterMode(display=False)
    # Counted last: the counter itself takes time and memory. Attention is only counted where it is not fused.
    with counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        encode(model, prepared)
    parameters = sum(parameter.numel() for parameter in model.backbone.parameters())
    flops = counter.get_total_flops() / len(sentences)
    return Cost(parameters, len(sentences) / seconds, median(single), flops, memory)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(asdict(measure(ModelSpec.model_validate(given["spec"]), given["sentences"]))))
