"""The model that a mask leaves: heads and neurons physically gone, single weights as zeros."""

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
        keep: parameter name -> bool tensor of its shape, True = keep; what else it removes is zero in the copy.
    """
    assert isinstance(model.backbone, PreTrainedModel)
    with masked(model, keep):
        zeroed = copy.deepcopy(model.backbone)
    return pruned_from(zeroed, *remaining_units(model, keep)) if loses_units(model, keep) else zeroed
