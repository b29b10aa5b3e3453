"""The keys of a store: each is a digest of all that a thing depends on, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ablate.models.masked import Mask


def digest(content: Mapping[str, Any]) -> str:
    """sha256 of a mapping's canonical JSON: every key of the store is one."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def mask_hash(units: Mapping[str, Mask]) -> str | None:
    """sha256 of the bits of a mask of each granularity; None where nothing is removed.

    Two scorers that choose the same units get the same hash, and so share the evaluation.
    """
    partial = {name: mask for name, mask in units.items() if not mask.all()}
    if not partial:
        return None
    digest = hashlib.sha256()
    for name in sorted(partial):
        digest.update(f"{name} {len(partial[name])} ".encode())
        digest.update(np.packbits(partial[name]).tobytes())
    return digest.hexdigest()
