"""Which units are left: masks of one or several granularities that are in force together."""

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
    """The name of a granularity in stored masks: its identity as JSON."""
    return json.dumps(granularity.identity(), sort_keys=True)


def plain_name_of(name: str) -> str:
    """The name of the granularity in recipes, by that in stored masks."""
    return str(json.loads(name)["name"])


@dataclass(frozen=True)
class Units:
    """Masks of several granularities; a granularity without a mask keeps all its units.

    Granularities that differ only in ``min_keep`` have the same units, and share a mask.

    masks: by :func:`name_of` their granularity; bool [units], True = keep.
    granularities: the granularities of the masks, by the same names.
    """

    masks: dict[str, Mask] = field(default_factory=dict)
    granularities: dict[str, Granularity] = field(default_factory=dict)

    @classmethod
    def of(cls, masks: dict[str, Mask], granularities: Iterable[Granularity]) -> Units:
        """Masks as the store has them, with ``granularities`` that include at least those of the masks."""
        by_name = {name_of(granularity): granularity for granularity in granularities}
        return cls(masks, {name: by_name[name] for name in masks})

    def with_mask(self, granularity: Granularity, mask: Mask) -> Units:
        """These masks with another mask of one granularity."""
        name = name_of(granularity)
        return Units({**self.masks, name: mask}, {**self.granularities, name: granularity})

    def keep(self, model: Model) -> dict[str, Tensor]:
        """What all the masks together keep of the parameters; see :meth:`Granularity.keep`."""
        return merge([self.granularities[n].keep(model, torch.from_numpy(mask)) for n, mask in self.masks.items()])

    def left(self, model: Model, granularity: Granularity, total: int) -> Mask:
        """The units of a granularity that no mask removes, neither its own nor one of another granularity.

        Another granularity's mask removes a unit if it removes all weights that carry the unit's output, as a removed
        head removes its weights.

        Args:
            total: the number of units.
        """
        if not self.masks:
            return np.ones(total, bool)
        keep = self.keep(model)
        carried: dict[str, Tensor] = {}
        for name in granularity.carriers(model):
            weight = model.weight(name)
            kept = keep.get(f"{name}.weight")
            carried[name] = torch.ones_like(weight) if kept is None else kept.to(weight.device).float()
        # A unit that has lost its carriers only in part is still left: it still has an output.
        left: Mask = (granularity.reduce(model, carried) > 0).cpu().numpy()
        return left & self.masks.get(name_of(granularity), left)
