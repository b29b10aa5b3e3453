"""Reads the weights of a trained cell. Apart from the training, which needs the extra `train`, as reading does not."""

from __future__ import annotations

import torch
from torch import Tensor

from ablate.errors import StoreError
from ablate.store.store import Store


def read_weights(store: Store, key: str) -> dict[str, Tensor]:
    """Trained weights from a store: every parameter of the backbone by name, float32.

    Raises:
        StoreError: the weights are missing or damaged.
    """
    arrays = store.get_trained(key)
    if arrays is None:
        raise StoreError(f"{store.name}: the trained weights are missing; run `ablate train` again")
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
