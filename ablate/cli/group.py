"""The group of all commands: what is the same about how each of them ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from ablate.cli.say import say
from ablate.cli.signals import told
from ablate.printable import visible


@contextmanager
def _shown_safely() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # An error of usage. By its method, because versions of Typer have its class in different places.
        message = getattr(error, "message", None)
        if hasattr(error, "format_message") and isinstance(message, str):
            error.message = visible(message)  # type: ignore[attr-defined]
        raise


class Group(TyperGroup):
    """Typer's group, which says how to go on after a signal, and shows no control character of a wrong option."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _shown_safely():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _shown_safely():
                return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            line, code = told(interrupt, "nothing that was finished is lost; give the same command again")
            say(line, err=True)
            raise typer.Exit(code) from None
