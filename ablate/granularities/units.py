"""Which units are left: the masks of one or several granularities that are in force together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ablate.granularities.base import Granularity
from ablate.models.masked import Mask, merge
from ablate.models.model import Model


def name_of(granularity: Granularity) -> str:
    """What stored masks call a granularity: its identity as JSON."""
    return json.dumps(granularity.identity(), sort_keys=True)


@dataclass(frozen=True)
class Units:
    """Masks of several granularities; a granularity without a mask keeps all its units.

    Granularities that differ in ``min_keep`` alone have the same units, and share a mask.

    masks: bool [units], True = keep, by :func:`name_of` their granularity.
    granularities: those of the masks, by the same names.
    """

    masks: dict[str, Mask] = field(default_factory=dict)
    granularities: dict[str, Granularity] = field(default_factory=dict)

    @classmethod
    def of(cls, masks: dict[str, Mask], granularities: Iterable[Granularity]) -> Units:
        """Masks as the store has them. ``granularities``: at least those of the masks."""
        by_name = {name_of(granularity): granularity for granularity in granularities}
        return cls(masks, {name: by_name[name] for name in masks})

    def with_mask(self, granularity: Granularity, mask: Mask) -> Units:
        """The same with another mask of one granularity."""
        name = name_of(granularity)
        return Units({**self.masks, name: mask}, {**self.granularities, name: granularity})

    def keep(self, model: Model) -> dict[str, Tensor]:
        """What all the masks together keep of the parameters; see :meth:`Granularity.keep`."""
        return merge([self.granularities[n].keep(model, torch.from_numpy(mask)) for n, mask in self.masks.items()])

    def left(self, model: Model, granularity: Granularity, total: int) -> Mask:
        """The units of a granularity that are left: those not removed by a mask of it, or of another granularity.

        A unit goes with another granularity's when all weights that carry its output do, as those of a removed head.

        Args:
            total: how many units there are.
        """
        if not self.masks:
            return np.ones(total, bool)
        keep = self.keep(model)
        carried = {
            name: keep.get(f"{name}.weight", torch.ones_like(model.weight(name), dtype=torch.bool)).float()
            for name in granularity.carriers(model)
        }
        left: Mask = (granularity.reduce(model, carried) > 0).numpy()
        return left & self.masks.get(name_of(granularity), left)
