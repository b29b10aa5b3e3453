"""The contract of granularities: units are numbered, summed and removed consistently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ablate.engine.select import select
from ablate.granularities.base import LAYER, Granularity
from ablate.models.model import Model
from ablate.testing.contract import Contract, ContractBroken, keep_all, require
from ablate.testing.float64 import in_float64
from ablate.testing.plugin_contract import STRUCTURES, borrowed, check_plugin
from ablate.testing.pretended import MixedDevices, is_pretended, on_pretended_device
from ablate.testing.removal_contract import check_first_order, check_materialized, check_removal, without
from ablate.testing.tiny import tiny_model

_WEIGHTS_TRIED = 24
_UNITS_TRIED = 4
_SPARSITIES = (0.1, 0.25, 0.5, 0.9)


def check_granularity(plugin: type[Granularity], families: Sequence[str] = STRUCTURES, **parameters: Any) -> None:
    """Checks that a granularity keeps its contract.

    Args:
        families: the model families to check it on, from ``ablate.models.architectures.supported()``.

    Raises:
        ContractBroken: what is wrong, in one line.
    """
    keep_all(granularity_contracts(plugin, families, **parameters))


def granularity_contracts(
    plugin: type[Granularity], families: Sequence[str] = STRUCTURES, **parameters: Any
) -> tuple[Contract, ...]:
    """The contracts that :func:`check_granularity` checks."""

    def on_each(check: Callable[[Granularity, Model, str], None]) -> Callable[[], None]:
        def checked() -> None:
            granularity = plugin.model_validate(parameters)
            for family in families:
                model, who = tiny_model(family), f"granularity '{plugin.name}' on tiny {family}"
                with borrowed(model, who):
                    check(granularity, model, who)

        return checked

    return (
        Contract("name, help, version and parameters", lambda: _check_class(plugin, parameters), first=True),
        Contract("units listed exactly once", on_each(_check_units), first=True),
        Contract("a mask removes its units and no others", on_each(_check_keep), first=True),
        Contract("achieved sparsity", on_each(_check_sparsity)),
        Contract("removal changes embeddings and is undone bit for bit", on_each(_removal)),
        Contract("contributions are the slope of the loss", on_each(_first_order)),
        Contract("the smaller model equals the masked one", on_each(check_materialized)),
        Contract("the same on another device", on_each(_check_device)),
    )


def _check_device(granularity: Granularity, model: Model, who: str) -> None:
    layers, groups = granularity.layers(model), granularity.alike(model)
    mask = torch.arange(len(layers)) % 3 != 0
    weights = {name: model.weight(name).detach() for name in granularity.carriers(model)}
    here = granularity.reduce(model, weights)
    kept = granularity.keep(model, mask)
    try:
        with on_pretended_device(model):
            on_device = {name: model.weight(name).detach() for name in granularity.carriers(model)}
            there = granularity.reduce(model, on_device).cpu()
            kept_there = {name: keep.cpu() for name, keep in granularity.keep(model, mask).items()}
            require(torch.equal(granularity.layers(model).cpu(), layers), f"{who}: has other units on another device")
            groups_there = granularity.alike(model)
            require(not is_pretended(groups_there), f"{who}: alike returns a tensor that is not on the CPU")
            require(torch.equal(groups_there, groups), f"{who}: alike has other groups on another device")
    except MixedDevices as error:
        raise ContractBroken(f"{who}: would fail on a GPU: {error}") from error
    require(torch.allclose(here, there), f"{who}: reduce gives other sums on another device")
    require(
        kept.keys() == kept_there.keys() and all(torch.equal(kept[name], kept_there[name]) for name in kept),
        f"{who}: keep returns another mask on another device",
    )


def _check_class(plugin: type[Granularity], parameters: dict[str, Any]) -> None:
    granularity = check_plugin(plugin, Granularity, **parameters)
    require(
        "min_keep" in granularity.model_dump(),
        f"granularity '{plugin.name}' has no parameter min_keep; leave the inherited one",
    )


def _check_units(granularity: Granularity, model: Model, who: str) -> None:
    layers = granularity.layers(model)
    _check_layers(model, layers, who)
    _check_alike(granularity, model, layers, who)
    _check_carriers(granularity, model, who)
    _check_reduce(granularity, model, layers, who)


def _removal(granularity: Granularity, model: Model, who: str) -> None:
    check_removal(granularity, model, _sample_units(granularity, model, who), who)


def _first_order(granularity: Granularity, model: Model, who: str) -> None:
    units = _sample_units(granularity, model, who)
    # The difference quotient of a loss loses too many digits in float32.
    with in_float64(model.backbone):
        check_first_order(granularity, model, units, who)


def _sample_units(granularity: Granularity, model: Model, who: str) -> list[int]:
    """A few units to check."""
    return _check_reduce(granularity, model, granularity.layers(model), who)


def _check_layers(model: Model, layers: Tensor, who: str) -> None:
    require(
        isinstance(layers, Tensor) and layers.dtype == torch.int64 and layers.dim() == 1 and len(layers) > 0,
        f"{who}: layers does not return int64 [units]",
    )
    require(bool((layers.diff() >= 0).all()), f"{who}: units are not numbered layer by layer")
    require(
        int(layers[0]) >= 0 and int(layers[-1]) < len(model.architecture.layers),
        f"{who}: layers returns numbers outside 0 to {len(model.architecture.layers) - 1}",
    )


def _check_alike(granularity: Granularity, model: Model, layers: Tensor, who: str) -> None:
    groups = granularity.alike(model)
    require(
        isinstance(groups, Tensor) and groups.dtype == torch.int64 and groups.shape == layers.shape,
        f"{who}: alike does not return int64 [units]",
    )
    layers_of: dict[int, set[int]] = {}
    for group, layer in zip(groups.tolist(), layers.tolist(), strict=True):
        layers_of.setdefault(group, set()).add(layer)
    require(all(len(own) == 1 for own in layers_of.values()), f"{who}: alike puts units of two layers into one group")
    more = type(granularity).matching != LAYER
    require(
        more or torch.equal(groups, layers),
        f"{who}: alike is not the layers, and matching does not say by what it groups",
    )


def _check_carriers(granularity: Granularity, model: Model, who: str) -> None:
    carriers = granularity.carriers(model)
    require(
        isinstance(carriers, tuple) and len(carriers) == len(set(carriers)) > 0,
        f"{who}: carriers is not a tuple of distinct module names",
    )
    modules = dict(model.backbone.named_modules())
    for name in carriers:
        require(isinstance(modules.get(name), nn.Linear), f"{who}: carrier '{name}' is not a linear module")


def _check_reduce(granularity: Granularity, model: Model, layers: Tensor, who: str) -> list[int]:
    """Checks that reduce is a sum over disjoint sets of weights. Returns a few units to check."""
    shapes = {name: model.weight(name).shape for name in granularity.carriers(model)}
    generator = torch.Generator().manual_seed(0)
    drawn = [{name: torch.randn(shape, generator=generator) for name, shape in shapes.items()} for _ in range(2)]
    a, b = (granularity.reduce(model, values) for values in drawn)
    require(
        a.dtype == torch.float32 and a.shape == layers.shape,
        f"{who}: reduce returns {a.dtype} {list(a.shape)}, not float32 for each of {len(layers)} units",
    )
    combined = granularity.reduce(model, {name: drawn[0][name] + 2 * drawn[1][name] for name in shapes})
    require(torch.allclose(combined, a + 2 * b, atol=1e-3), f"{who}: reduce is not linear, so it is not a sum")
    sizes = granularity.reduce(model, {n: torch.ones(shape) for n, shape in shapes.items()})
    require(bool((sizes >= 1).all()), f"{who}: some units have no weight that carries their output")
    total = sum(shape.numel() for shape in shapes.values())
    require(float(sizes.sum()) <= total, f"{who}: units share weights: {sizes.sum():g} of {total} are summed")
    layer_of = {name: i for i, layer in enumerate(model.architecture.layers) for name in layer.linears}
    tried = []
    # Weights of every carrier: the sum of a single 1 shows which unit a weight belongs to.
    for i in range(_WEIGHTS_TRIED):
        name = list(shapes)[i * len(shapes) // _WEIGHTS_TRIED]
        single = torch.zeros(shapes[name])
        row, column = (int(torch.randint(size, (), generator=generator)) for size in shapes[name])
        single[row, column] = 1
        values = granularity.reduce(model, {n: single if n == name else torch.zeros(s) for n, s in shapes.items()})
        owners = values.nonzero().flatten().tolist()
        require(
            len(owners) <= 1 and all(values[u] == 1 for u in owners),
            f"{who}: reduce counts the weight {name}[{row}, {column}] in units {owners} by {values[owners].tolist()}; "
            "each weight counts once, in one unit",
        )
        for unit in owners:
            require(
                layer_of.get(name, int(layers[unit])) == int(layers[unit]),
                f"{who}: unit {unit} is in layer {layers[unit]} but '{name}' carries its output",
            )
        tried += owners
    require(bool(tried), f"{who}: reduce sums no weights")
    return list(dict.fromkeys([0, len(layers) - 1, *tried]))[:_UNITS_TRIED]


def _check_keep(granularity: Granularity, model: Model, who: str) -> None:
    units = _sample_units(granularity, model, who)
    all_units = torch.ones(len(granularity.layers(model)), dtype=torch.bool)
    require(not granularity.keep(model, all_units), f"{who}: keep removes something where the mask keeps all units")
    parameters = dict(model.backbone.named_parameters())
    sizes = _weights_left(granularity, model, {})
    kept_by: dict[int, dict[str, Tensor]] = {}
    for unit in units:
        keep = kept_by[unit] = granularity.keep(model, without(all_units, unit))
        for name, kept in keep.items():
            require(name in parameters, f"{who}: keep names '{name}', which is not a parameter of the backbone")
            require(
                kept.dtype == torch.bool and kept.shape == parameters[name].shape,
                f"{who}: keep returns {kept.dtype} {list(kept.shape)} for '{name}' of {list(parameters[name].shape)}",
            )
        left = _weights_left(granularity, model, keep)
        require(
            float(left[unit]) == 0,
            f"{who}: keep leaves {left[unit]:g} weights that carry unit {unit}, which is removed",
        )
        left[unit] = sizes[unit]
        require(torch.equal(left, sizes), f"{who}: to remove unit {unit}, keep removes weights of other units too")
    if len(units) > 1:
        # Later steps remove units in addition to others, so one removal must not depend on another.
        first, second = units[:2]
        both = granularity.keep(model, without(all_units, first, second))
        names = both.keys() | kept_by[first].keys() | kept_by[second].keys()
        for name in names:
            ones = torch.ones_like(parameters[name], dtype=torch.bool)
            intersection = kept_by[first].get(name, ones) & kept_by[second].get(name, ones)
            require(
                torch.equal(both.get(name, ones), intersection),
                f"{who}: keep without units {first} and {second} differs from the removal of each of them in '{name}'",
            )


def _check_sparsity(granularity: Granularity, model: Model, who: str) -> None:
    """Checks that masks of many units remove the weights of exactly these units."""
    layers = granularity.layers(model).numpy()
    sizes, min_keep = _weights_left(granularity, model, {}), granularity.model_dump()["min_keep"]
    contributions = np.random.default_rng(0).random(len(layers), dtype=np.float32)
    for sparsity in _SPARSITIES:
        count = round(sparsity * len(layers))
        mask = torch.from_numpy(select(contributions, layers, count, min_keep=min_keep))
        left = _weights_left(granularity, model, granularity.keep(model, mask))
        wrong = int(((left == 0) == mask).sum()) + int((mask & (left != sizes)).sum())
        require(
            wrong == 0,
            f"{who}: for a mask that removes {int((~mask).sum())} of {len(mask)} units, keep is wrong about {wrong}",
        )


def _weights_left(granularity: Granularity, model: Model, keep: dict[str, Tensor]) -> Tensor:
    """How many of the weights that carry each unit's output a mask keeps."""
    ones = {name: torch.ones_like(model.weight(name)) for name in granularity.carriers(model)}
    return granularity.reduce(model, {name: keep.get(f"{name}.weight", full).float() for name, full in ones.items()})
