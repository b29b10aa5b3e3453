"""The lowest version that pyproject.toml allows of each dependency, as constraints: `python -m tools.lowest > lowest.txt`.

Torch is left out: its old builds do not run on every machine.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def lowest(project: str) -> Iterator[str]:
    """A line for each dependency of the package and its extras, the tools of development apart."""
    table = tomllib.loads(project)["project"]
    extras = [names for extra, names in table["optional-dependencies"].items() if extra != "dev"]
    for requirement in map(Requirement, dict.fromkeys(sum(extras, table["dependencies"]))):
        (bound,) = requirement.specifier
        if requirement.name != "torch" and bound.operator == ">=":
            yield f"{requirement.name}=={bound.version}"


if __name__ == "__main__":
    print(*lowest(PROJECT.read_text()), sep="\n")
