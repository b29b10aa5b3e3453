"""ablate: which parameters of a sentence-embedding model hurt it, and what happens if they go?

The public names. Each is imported when it is first used, so that ``import ablate`` does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ablate.models import families

if TYPE_CHECKING:
    from ablate.api import choose, compare, run, scores, train
    from ablate.errors import AblateError
    from ablate.events import silent
    from ablate.executors.base import Executor
    from ablate.export.cell_choice import CellChoice
    from ablate.export.export import load
    from ablate.export.live import masked
    from ablate.granularities.base import Granularity
    from ablate.hookspecs import hookimpl
    from ablate.recipe.recipe import Recipe, load_recipe
    from ablate.report.cell import CellResult, ItemValues
    from ablate.report.results import Results
    from ablate.report.unit_values import UnitValues
    from ablate.scorers.base import Scorer
    from ablate.tasks.base import Task

__all__ = [
    "AblateError",
    "CellChoice",
    "CellResult",
    "Executor",
    "Granularity",
    "ItemValues",
    "Recipe",
    "Results",
    "Scorer",
    "Task",
    "UnitValues",
    "choose",
    "compare",
    "hookimpl",
    "load",
    "load_recipe",
    "masked",
    "run",
    "scores",
    "silent",
    "train",
]

_HOMES = {
    "AblateError": "ablate.errors",
    "CellChoice": "ablate.export.cell_choice",
    "CellResult": "ablate.report.cell",
    "Executor": "ablate.executors.base",
    "Granularity": "ablate.granularities.base",
    "ItemValues": "ablate.report.cell",
    "Recipe": "ablate.recipe.recipe",
    "Results": "ablate.report.results",
    "Scorer": "ablate.scorers.base",
    "Task": "ablate.tasks.base",
    "UnitValues": "ablate.report.unit_values",
    "choose": "ablate.api",
    "compare": "ablate.api",
    "hookimpl": "ablate.hookspecs",
    "load": "ablate.export.export",
    "load_recipe": "ablate.recipe.recipe",
    "masked": "ablate.export.live",
    "run": "ablate.api",
    "scores": "ablate.api",
    "silent": "ablate.events",
    "train": "ablate.api",
}


def _registry() -> families.Registered:
    from ablate.plugins import registry

    return registry()


# Loading a model needs the registry, which stands above the models in the order of imports.
families.provide(_registry)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ablate' has no attribute '{name}'")
    # Kept as a global, so that Python does not call this function for the name again.
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
