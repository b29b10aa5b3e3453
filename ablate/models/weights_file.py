"""Where trained weights are, for whoever reads them without the store's database."""

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
    """Trained weights on the disk, for whoever has no access to the store's database.

    key: theirs in the store. path: a safetensors file, absolute. sha256: of its bytes.
    names: of the parameters, in the order in which the file numbers its tensors.
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
