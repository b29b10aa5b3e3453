"""Finds the family of a model among those that are registered, and reads the model's layers."""

from __future__ import annotations

from transformers import PreTrainedConfig, PreTrainedModel

from ablate.distribution import DISTRIBUTION
from ablate.errors import ModelError, nearest
from ablate.models.families import registered
from ablate.models.family import Family
from ablate.models.model import Architecture

PRUNED_PREFIX = f"{DISTRIBUTION}-"
"""The ``model_type`` of a pruned model is this and the one of its family, see :mod:`ablate.models.pruned`.

It names the package on the index, because all that transformers says without ablate is that it lacks this type.
"""


def supported() -> tuple[str, ...]:
    """The names of the registered families, in the order of registration."""
    return tuple(registered().architectures())


def family_of(model_type: object, where: str) -> Family:
    """The family of a config's ``model_type``. No weights are needed.

    Args:
        where: the name of the model, for the message.

    Raises:
        ModelError: the architecture is not supported. The message names the nearest one, and lists those that are.
        PluginError: two plug-ins register the architecture.
    """
    name = model_type.removeprefix(PRUNED_PREFIX) if isinstance(model_type, str) else ""
    if name not in supported():
        close = nearest(name, supported())
        near = f" (the nearest that is: '{close}')" if close else ""
        raise ModelError(
            f"model '{where}': architecture '{model_type}' is not supported{near}; supported: "
            f"{', '.join(supported())}; a plug-in can add one, see docs/plugins.md{registered().broken_suffix}"
        )
    return registered().architecture(name)


def family_of_config(config: PreTrainedConfig) -> Family:
    """The family of a model with this config. Raises as :func:`family_of` does."""
    return family_of(config.model_type, config.name_or_path or config.model_type)


def architecture_of(backbone: PreTrainedModel) -> Architecture:
    """Finds the linear modules, heads and neurons of every encoder layer.

    Raises:
        ModelError: the architecture is not supported, or the modules are not those of its family.
    """
    config = backbone.config
    where = config.name_or_path or type(backbone).__name__
    family = family_of(config.model_type, where)
    return Architecture(config.model_type, family.read(backbone, where), family.in_order, family.apart)
