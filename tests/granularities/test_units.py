"""Masks that are in force together, and what they leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ablate.granularities.head import Head
from ablate.granularities.neuron import Neuron
from ablate.granularities.units import Units, name_of
from ablate.granularities.unstructured import Unstructured
from ablate.testing.tiny import tiny_model

MODEL = tiny_model(neurons=8)
WEIGHTS = len(Unstructured().layers(MODEL))


def without(count: int, *units: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    mask = np.ones(count, bool)
    mask[list(units)] = False
    return mask


def test_granularities_that_differ_in_min_keep_alone_share_a_mask() -> None:
    assert name_of(Head(min_keep=1)) == name_of(Head(min_keep=2)) != name_of(Neuron())
    units = Units().with_mask(Head(min_keep=1), without(8, 0)).with_mask(Head(min_keep=2), without(8, 0, 1))
    ((name, mask),) = units.masks.items()
    assert (name, np.flatnonzero(~mask).tolist()) == (name_of(Head()), [0, 1])


def test_a_mask_more_leaves_the_others_as_they_are() -> None:
    heads = Units().with_mask(Head(), without(8, 0))
    both = heads.with_mask(Neuron(), without(16, 3))
    assert list(heads.masks) == [name_of(Head())]
    assert list(both.masks) == [name_of(Head()), name_of(Neuron())]


def test_masks_of_the_store_find_their_granularities() -> None:
    masks = {name_of(Neuron()): without(16, 3)}
    units = Units.of(masks, [Head(), Neuron(min_keep=2)])
    assert units.granularities == {name_of(Neuron()): Neuron(min_keep=2)}
    with pytest.raises(KeyError):
        Units.of(masks, [Head()])


def test_all_masks_together_keep_what_each_of_them_keeps() -> None:
    units = Units().with_mask(Head(), without(8, 5)).with_mask(Neuron(), without(16, 3))
    keep = units.keep(MODEL)
    head, neuron = (
        g.keep(MODEL, torch.from_numpy(m)) for g, m in ((Head(), without(8, 5)), (Neuron(), without(16, 3)))
    )
    assert keep.keys() == head.keys() | neuron.keys()
    assert all(torch.equal(keep[name], part[name]) for part in (head, neuron) for name in part)
    assert Units().keep(MODEL) == {}


def test_weights_go_with_their_head_and_a_head_with_all_its_weights() -> None:
    heads = Units().with_mask(Head(), without(8, 5))
    left = heads.left(MODEL, Unstructured(), WEIGHTS)
    # A head of 8 columns: 8 rows of 32 in query, key and value, 8 columns of 32 in the output projection.
    assert int((~left).sum()) == 4 * 8 * 32
    weights = Units().with_mask(Unstructured(), left)
    assert np.flatnonzero(~weights.left(MODEL, Head(), 8)).tolist() == [5]
    assert weights.left(MODEL, Neuron(), 16).all()
    one_stays = left.copy()
    one_stays[np.flatnonzero(~left)[-1]] = True
    assert Units().with_mask(Unstructured(), one_stays).left(MODEL, Head(), 8).all()


def test_without_masks_all_units_are_left() -> None:
    assert Units().left(MODEL, Neuron(), 16).tolist() == [True] * 16
