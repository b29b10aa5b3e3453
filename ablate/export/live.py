"""Applies a cell of a finished run to a SentenceTransformer in memory, and lifts it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from sentence_transformers import SentenceTransformer
from transformers import PreTrainedModel

from ablate.errors import AblateError, ModelError
from ablate.models.guard import Guard
from ablate.models.masked import masked as masked_model
from ablate.report.cell import CellResult

if TYPE_CHECKING:
    from ablate.models.model import Model


@contextmanager
def masked(model: SentenceTransformer, cell: CellResult) -> Iterator[SentenceTransformer]:
    """The model without what a cell removes, within a ``with`` block; afterwards it is as before, bit for bit.

    Whatever encodes or trains with the model in the block uses the mask. Use it in one thread at a time.

    Args:
        model: with the weights that the run has measured, on any device and in any precision.
        cell: such as ``results["head × align 10 %"]``.

    Raises:
        AblateError: the cell was trained, or the model has other weights than the run's; or the store lacks the mask.
    """
    if not isinstance(cell, CellResult):
        given = type(cell).__name__
        raise AblateError(f"cell: of type {given}; give a cell of results, such as results['head × align 10 %']")
    stored = cell.stored
    if stored.mask.about.get("trained") is not None:
        raise ModelError(f"'{cell.name}' was trained, so that it has other weights; `ablate export` writes its model")
    backbone = getattr(model[0], "model", None)
    if not isinstance(backbone, PreTrainedModel):
        raise ModelError(f"a {type(model[0]).__name__} comes first in the model, not a Transformer")
    _check_weights(backbone, stored.model)
    # With a guard of its own: another thread cannot know of this model.
    with masked_model(replace(stored.model, backbone=backbone, guard=Guard()), stored.keep):
        yield model


def _check_weights(backbone: PreTrainedModel, measured: Model) -> None:
    """Refuses weights that are not those of the run, in the precision of the given ones."""
    given = dict(backbone.named_parameters())
    for name, parameter in measured.backbone.named_parameters():
        if name.startswith("pooler."):  # which may be left out where it is not used
            continue
        same = name in given and given[name].shape == parameter.shape
        if not same or not torch.equal(given[name].detach().cpu(), parameter.detach().to(given[name].dtype).cpu()):
            raise ModelError(
                f"the model is not '{measured.name}' as the run has measured it: '{name}' differs; load that model, "
                "or leave the block in which another mask is applied"
            )
