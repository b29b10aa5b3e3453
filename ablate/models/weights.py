"""A model with other weights for a while, and where such weights are on the disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
from torch import Tensor

from ablate.errors import StoreError
from ablate.models.model import Model

Weights = Mapping[str, Tensor]
"""Every parameter of a backbone by name, float32 on the CPU."""


@dataclass(frozen=True)
class WeightsFile:
    """Trained weights on the disk, for whoever has no access to the store's database.

    key: theirs in the store. path: a safetensors file, absolute. sha256: of its bytes.
    names: of the parameters, in the order in which the file numbers its tensors.
    """

    key: str
    path: Path
    sha256: str
    names: tuple[str, ...]

    def read(self) -> Weights:
        """The weights.

        Raises:
            StoreError: the file is missing, cut short or altered, or it cannot be read.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise StoreError(f"{self.path}: the trained weights cannot be read ({error.strerror})") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise StoreError(f"{self.path}: the trained weights are cut short or altered; run `ablate train` again")
        tensors = safetensors.torch.load(content)
        return {name: tensors[str(number)] for number, name in enumerate(self.names)}


@contextmanager
def weighted(model: Model, weights: Weights | None) -> Iterator[None]:
    """Gives the model other weights inside the block; its own are back afterwards, also after an error.

    Args:
        weights: None leaves the model as it is.

    Raises:
        ModelError: another thread has the model, under a mask or with other weights.
    """
    if weights is None:
        yield
        return
    with model.guard.hold():
        originals = {name: parameter.data for name, parameter in model.backbone.named_parameters()}
        try:
            put_in(model, weights)
            yield
        finally:
            put_in(model, originals)


def weights_hash(weights: Weights) -> str:
    """sha256 of names and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(tensor.detach().contiguous().numpy().data)
    return digest.hexdigest()


def put_in(model: Model, weights: Weights) -> None:
    """Replaces the model's weights for good."""
    for name, parameter in model.backbone.named_parameters():
        parameter.data = weights[name]
