"""Writes a plug-in's package from the templates, whole or not at all."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from ablate.distribution import DISTRIBUTION
from ablate.errors import AblateError
from ablate.plugins import Registry

KINDS = ("scorer", "granularity", "task")
"""The kinds of plug-in that there are templates for."""

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_LONGEST = 40


@dataclass(frozen=True)
class Names:
    """What a plug-in is called: by recipes, by pip, by ``import``, and its class."""

    name: str
    distribution: str
    module: str
    class_name: str


def names_of(name: str, kind: str) -> Names:
    """
    Raises:
        AblateError: no module could have the name.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise AblateError(
            f"'{name}' is no name for a plug-in: at most {_LONGEST} small letters, digits and single dashes or "
            "underscores, from a letter on, such as my-scorer"
        )
    words = re.split("[-_]", name)
    # The kind ends it, so that it is no keyword and none of the names that the module imports.
    words += [] if len(words) > 1 and words[-1] == kind else [kind]
    class_name = "".join(word.capitalize() for word in words)
    return Names(name, f"ablate-{name.replace('_', '-')}", f"ablate_{name.replace('-', '_')}", class_name)


def write_plugin(name: str, kind: str, registry: Registry, folder: Path | None = None) -> Path:
    """Writes the package.

    Args:
        kind: of :data:`KINDS`.
        registry: the plug-ins that are installed; the new one shares no name with them.
        folder: must not exist; by default named as the distribution, in the current folder.

    Returns:
        The folder.

    Raises:
        AblateError: the name is none, or taken, or the folder exists or cannot be written.
    """
    names = names_of(name, kind)
    for entry in registry.entries:
        if entry.plugin.name == name:
            raise AblateError(f"'{name}' is a {entry.kind} of {entry.origin} already; choose another name")
    folder = folder or Path(names.distribution)
    if folder.exists() or folder.is_symlink():
        raise AblateError(f"--output {folder}: exists already; name another folder, or move it away")
    if not folder.parent.is_dir():
        raise AblateError(f"--output {folder}: there is no folder {folder.parent}; make it first")
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            made = Path(scratch) / "plugin"
            for path, text in _texts(names, kind).items():
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_text(text, encoding="utf-8")
            made.rename(folder)
    except OSError as error:
        raise AblateError(
            f"--output {folder}: cannot be written ({error.strerror or error}); nothing is left of it"
        ) from None
    return folder


def _texts(names: Names, kind: str) -> dict[str, str]:
    """The files, by their paths in the package."""
    from ablate.hookspecs import API

    major, minor = (int(part) for part in version(DISTRIBUTION).split(".")[:2])
    filled = {
        "name": names.name,
        "distribution": names.distribution,
        "module": names.module,
        "class_name": names.class_name,
        "kind": kind,
        "api": str(API),
        "ablate": f"{DISTRIBUTION}>={major}.{minor},<{major}.{minor + 1}",
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": f"README_{kind}.md",
        f"{names.module}.py": f"{kind}.py",
        f"tests/test_{names.module}.py": f"test_{kind}.py",
    }
    folder = files("ablate.scaffold") / "templates"
    return {
        path: Template((folder / f"{template}.txt").read_text(encoding="utf-8")).substitute(filled)
        for path, template in templates.items()
    }
