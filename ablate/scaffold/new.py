"""Writes the package of a new plug-in from templates, either complete or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from ablate.distribution import DISTRIBUTION
from ablate.errors import AblateError
from ablate.plugins import Registry, with_article

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST = 40


@dataclass(frozen=True)
class PluginNames:
    """The names of a plug-in.

    name: in recipes.
    distribution: for pip.
    module: for ``import``.
    class_name: of its class.
    """

    name: str
    distribution: str
    module: str
    class_name: str


def names_of(name: str, kind: str) -> PluginNames:
    """The names that follow from the one in recipes.

    Raises:
        AblateError: the name is not valid.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise AblateError(
            f"'{name}' is not a valid name of a plug-in: use at most {_LONGEST} lower-case letters, digits and single "
            "dashes or underscores, starting with a letter, such as my-scorer"
        )
    words = re.split("[-_]", name)
    # The class name ends with the kind, so that it is neither a keyword nor a name that the module imports.
    if len(words) == 1 or words[-1] != kind:
        words.append(kind)
    class_name = "".join(word.capitalize() for word in words)
    return PluginNames(name, f"ablate-{name.replace('_', '-')}", f"ablate_{name.replace('-', '_')}", class_name)


def write_plugin(name: str, kind: str, registry: Registry, folder: Path | None = None) -> Path:
    """Writes the package.

    Args:
        kind: one of :data:`~ablate.plugins.KINDS`.
        registry: the installed plug-ins, which must not have the name of the new one.
        folder: where to write it; must not exist. By default a folder in the current one, named as the distribution.

    Returns:
        The folder.

    Raises:
        AblateError: the name is not valid, is taken, or is not one that an architecture may have, or the folder exists
            or cannot be written.
    """
    names = names_of(name, kind)
    for entry in registry.entries:
        if entry.plugin.name == name:
            raise AblateError(f"'{name}' is {with_article(entry.kind)} of {entry.origin} already; choose another name")
    folder = folder or Path(names.distribution)
    if os.path.lexists(folder):
        raise AblateError(f"--output {folder}: already exists; name another folder, or move it away")
    if not os.path.isdir(folder.parent):
        raise AblateError(f"--output {folder}: there is no folder {folder.parent}; make it first")
    try:
        # In the parent of the target, and so on the same file system, where a rename is atomic.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            package = Path(scratch) / "plugin"
            for path, text in _texts(names, kind).items():
                (package / path).parent.mkdir(parents=True, exist_ok=True)
                (package / path).write_text(text, encoding="utf-8")
            package.rename(folder)
    except OSError as error:
        raise AblateError(
            f"--output {folder}: cannot be written ({error.strerror or error}); nothing was written"
        ) from None
    return folder


def _texts(names: PluginNames, kind: str) -> dict[str, str]:
    """Path in the package -> content, for each file."""
    from ablate.hookspecs import API

    major, minor = (int(part) for part in version(DISTRIBUTION).split(".")[:2])
    values = {
        "name": names.name,
        "distribution": names.distribution,
        "module": names.module,
        "class_name": names.class_name,
        "kind": kind,
        "api": str(API),
        # Before version 1, a minor version may change the contract.
        "ablate": f"{DISTRIBUTION}>={major}.{minor},<{major}.{minor + 1}",
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": f"README_{kind}.md",
        f"{names.module}.py": f"{kind}.py",
        f"tests/test_{names.module}.py": f"test_{kind}.py",
    }
    if kind == "architecture":
        # Imported here, because it imports torch.
        from ablate.scaffold.architecture import architecture_texts

        values |= architecture_texts(names.name)
    folder = files("ablate.scaffold") / "templates"
    return {
        path: Template((folder / f"{template}.txt").read_text(encoding="utf-8")).substitute(values)
        for path, template in templates.items()
    }
