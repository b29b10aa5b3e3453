"""Prints results where and how the user asked."""

from __future__ import annotations

import io
import os
from pathlib import Path

import typer

from ablate.cli.console import make_console
from ablate.cli.options import Format
from ablate.cli.say import put_text
from ablate.errors import AblateError
from ablate.files import is_folder, write_whole
from ablate.report.layout import build
from ablate.report.results import Results
from ablate.report.table import Page
from ablate.report.tables import print_answers, print_page, render
from ablate.store.place import locate

FILE_WIDTH = 120
"""Columns of tables that are written to a file."""


def check_output(
    output: Path | None, recipe: Path | None = None, store: str | None = None, *, form: str = Format.table
) -> None:
    """Refuses a file that cannot be written or that is a recipe or the store's, before anything is computed.

    Raises:
        AblateError: the folder of the file does not exist, the file is a folder, a recipe that exists or one of the
            store, or no file is given for a binary format.
    """
    if output is None:
        if form == Format.parquet:
            raise AblateError("--format parquet: is a binary format; name a file with --output")
        return
    if is_folder(output):
        raise AblateError(f"--output {output}: is a folder; name a file")
    if not is_folder(output.parent):
        raise AblateError(f"--output {output}: there is no folder {output.parent}; make it first")
    if recipe is not None and os.path.exists(recipe) and os.path.exists(output) and os.path.samefile(output, recipe):
        raise AblateError(f"--output {output}: is the recipe or the store; name another file")
    if store is not None and locate(store).owns(output):
        raise AblateError(f"--output {output}: is the recipe or the store; name another file")
    if output.suffix.lower() in (".yaml", ".yml") and os.path.exists(output):
        # Results are never YAML: this is a recipe, of this run or of another, that a user wrote.
        raise AblateError(f"--output {output}: already exists; name another file, or remove it first")
    # The folder too, because a new file takes the place of an old one.
    if not os.access(output.parent, os.W_OK) or (os.path.exists(output) and not os.access(output, os.W_OK)):
        raise AblateError(f"--output {output}: cannot be written; change its permissions, or name another file")


def deliver(results: Results, form: Format, output: Path | None, wide: bool = False) -> None:
    """Writes the results, and ends with status 1 if cells or models failed.

    Tables on stdout end with the answer. Of everything else, which programs read, the answer goes to stderr.
    """
    if form is Format.table and output is None:
        render(results, make_console(), wide)
    else:
        put(results.to_parquet() if form is Format.parquet else _text(results, form), output)
        print_answers(build(results), make_console(err=True))
    if results.any_failed:
        raise typer.Exit(1)


def _text(results: Results, form: Format) -> str:
    if form is Format.table:
        return as_text(build(results))
    makers = {
        Format.json: results.to_json,
        Format.csv: results.to_csv,
        Format.markdown: results.to_markdown,
        Format.latex: results.to_latex,
    }
    text = makers[form]()
    return text if text.endswith("\n") else text + "\n"


def as_text(page: Page) -> str:
    """A page as it is printed to a file."""
    text = io.StringIO()
    print_page(page, make_console(file=text, width=FILE_WIDTH), wide=True)
    return text.getvalue()


def put(content: str | bytes, output: Path | None, remedy: str = "the results are in the store: ablate show") -> None:
    """Writes a text to stdout, or a text or bytes to a file.

    Args:
        remedy: what to do if the file cannot be written.

    Raises:
        AblateError: the file cannot be written.
    """
    if output is None:
        assert isinstance(content, str)
        put_text(content)
        return
    try:
        # As bytes, because writing text would translate the CRLF of a CSV on Windows.
        write_whole(output, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise AblateError(f"--output {output}: cannot be written ({error.strerror}); {remedy}") from None
