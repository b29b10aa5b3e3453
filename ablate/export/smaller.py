"""The smaller model: heads and neurons that the mask removes are gone, and removed single weights are zeros."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor
from transformers import PreTrainedModel

from ablate.models.masked import masked
from ablate.models.materialize import loses_units, remaining_units
from ablate.models.model import Model
from ablate.models.pruned import pruned_from


def smaller(model: Model, keep: Mapping[str, Tensor]) -> PreTrainedModel:
    """A copy of the backbone without the heads and neurons whose whole output ``keep`` removes.

    Args:
        keep: parameter name -> bool tensor of its shape, True = keep. Other weights that it removes are zero in the
            copy.
    """
    assert isinstance(model.backbone, PreTrainedModel)
    # Copied under the mask, so that removed weights of the units that stay are zeros in the copy.
    with masked(model, keep):
        zeroed = copy.deepcopy(model.backbone)
    return pruned_from(zeroed, *remaining_units(model, keep)) if loses_units(model, keep) else zeroed
