"""The group of all commands: what is the same about how each of them ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from ablate.arguments import named_as_options
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
    """Typer's group: errors name options, a signal says how to go on, a wrong option shows no control character."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        with named_as_options():
            return super().main(*arguments, **options)

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
