"""Fills a template. Every text, which may come from a file or a plug-in, is escaped and freed of control characters."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from ablate.distribution import pip_install
from ablate.errors import AblateError
from ablate.printable import visible
from ablate.report.table import MARKS


def fill(template: str, style: str, scripts: Sequence[str] = (), **content: Any) -> str:
    """The template of that name with its content.

    Args:
        style: the name of one of our own files, which is inserted unescaped.
        scripts: inserted unescaped.
        content: any text in it is escaped, unless the template uses ``markup``.

    Raises:
        AblateError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise AblateError(f"a report needs jinja2: {pip_install('report')}") from None
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        # A misspelled name in a template is an error, and not an empty text.
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Not isinstance: Markup is a subclass of str, and would lose its type, and so its exemption from escaping.
        finalize=lambda value: visible(value, keep="\n") if type(value) is str else value,
    )
    ours = {"style": Markup(asset(style)), "scripts": list(map(Markup, scripts))}
    return environment.get_template(template).render(markup=Markup, marks=MARKS, **ours, **content)


def asset(name: str) -> str:
    """One of our own files."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8").strip()
