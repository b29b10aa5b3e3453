"""Whether torch runs unstructured zeros faster as CSR or 2:4: seconds of an encoder layer's six products, interleaved.

    python benchmarks/sparse.py [--tokens 2048] [--rounds 15]

Prints a Markdown table: medians for the dense layout, and of the other layouts' ratio to it. Weights are MiniLM's, the
zeros where their magnitude is lowest, within each matrix. Runs on the GPU where there is one.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from torch.nn.functional import linear

from ablate.models.load import load_model
from ablate.models.spec import ModelSpec

SPARSITIES = (0.3, 0.5, 0.7, 0.9, 0.95, 0.99)


def zeroed(weight: Tensor, sparsity: float) -> Tensor:
    bound = weight.abs().flatten().kthvalue(max(1, round(sparsity * weight.numel()))).values
    return weight.where(weight.abs() > bound, 0.0)


def two_of_four(weight: Tensor) -> Tensor:
    """The two largest of every four in a row; 50 % sparse."""
    groups = weight.reshape(-1, 4)
    keep = torch.zeros_like(groups, dtype=torch.bool).scatter(1, groups.abs().topk(2, dim=1).indices, True)
    return groups.where(keep, 0.0).reshape(weight.shape)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def ratio(layouts: dict[str, list[Tensor]], inputs: list[Tensor], rounds: int) -> tuple[float, float]:
    """Milliseconds of the dense layout, and the median over rounds of the other's seconds over its."""
    found: dict[str, list[float]] = {name: [] for name in layouts}
    for turn in range(rounds + 2):
        for name, weights in layouts.items():

            def work(weights: list[Tensor] = weights) -> None:
                for weight, x in zip(weights, inputs, strict=True):
                    linear(x, weight)

            spent = seconds(work)
            if turn >= 2:  # the first rounds warm up
                found[name].append(spent)
    dense, other = found.values()
    return 1000 * median(dense), median(b / a for a, b in zip(dense, other, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load_model(ModelSpec(name="minilm"))
    layer = model.architecture.layers[0]
    weights = [model.weight(name).detach().to(device) for name in layer.linears]
    inputs = [torch.randn(arguments.tokens, weight.shape[1], device=device) for weight in weights]
    print(f"{arguments.tokens} tokens, torch {torch.__version__}, {device}, {torch.get_num_threads()} threads.\n")
    print("| zeros | layout | dense, ms | ratio |")
    print("|---|---|--:|--:|")
    with torch.inference_mode():
        for sparsity in SPARSITIES:
            masked = [zeroed(weight, sparsity) for weight in weights]
            dense, times = ratio(
                {"dense": masked, "csr": [weight.to_sparse_csr() for weight in masked]}, inputs, arguments.rounds
            )
            print(f"| {sparsity:.0%} | CSR | {dense:.1f} | {times:.2f} |".replace("%", " %"))
        masked = [two_of_four(weight) for weight in weights]
        kind = torch.float16 if device == "cuda" else torch.float32
        try:
            compressed = [torch.sparse.to_sparse_semi_structured(weight.to(kind)) for weight in masked]
            halves = [x.to(kind) for x in inputs]
            dense, times = ratio(
                {"dense": [weight.to(kind) for weight in masked], "2:4": compressed}, halves, arguments.rounds
            )
            print(f"| 50 % | 2:4 | {dense:.1f} | {times:.2f} |")
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().split("\n")[0]
            print(f"| 50 % | 2:4 | | not there: {reason} |")


if __name__ == "__main__":
    main()
