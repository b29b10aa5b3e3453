"""A file of trained weights, which can be read without the store's database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.errors import StoreError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WeightsFile:
    """Trained weights on the disk, which a process can read without access to the store's database.

    key: the key of the weights in the store.
    path: the absolute path of the safetensors file.
    sha256: the hash of its bytes.
    names: the names of the parameters, in the order in which the file numbers its tensors.
    """

    key: str
    path: Path
    sha256: str
    names: tuple[str, ...]

    def read(self) -> dict[str, Tensor]:
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
        import safetensors.torch  # here, because the store imports this module and must not import torch

        tensors = safetensors.torch.load(content)
        return {name: tensors[str(number)] for number, name in enumerate(self.names)}
