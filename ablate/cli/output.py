"""Prints results where and how the user asked."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import typer
from rich.console import Console

from ablate.cli.options import Format
from ablate.errors import AblateError
from ablate.report.layout import build
from ablate.report.results import Results
from ablate.report.table import Page
from ablate.report.tables import print_page, render

FILE_WIDTH = 120
"""Columns of tables that are written to a file."""


def check_output(output: Path | None, *taken: Path | None, form: str = Format.table) -> None:
    """Refuses a file that cannot be written or that is one of ``taken``, before anything is computed.

    Raises:
        AblateError: the folder of the file does not exist, the file is a folder, the recipe or the store, or no file is
            given for a binary format.
    """
    if output is None:
        if form == Format.parquet:
            raise AblateError("--format parquet: is a binary format; name a file with --output")
        return
    if output.is_dir():
        raise AblateError(f"--output {output}: is a folder; name a file")
    if not output.parent.is_dir():
        raise AblateError(f"--output {output}: there is no folder {output.parent}; make it first")
    if any(path is not None and output.resolve() == path.resolve() for path in taken):
        raise AblateError(f"--output {output}: is the recipe or the store; name another file")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise AblateError(f"--output {output}: cannot be written; change its permissions, or name another file")


def deliver(results: Results, form: Format, output: Path | None) -> None:
    """Writes the results, and ends with status 1 if cells failed."""
    if form is Format.table and output is None:
        render(results, Console())
    else:
        put(results.to_parquet() if form is Format.parquet else _text(results, form), output)
    if results.failed:
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
    print_page(page, Console(file=text, width=FILE_WIDTH))
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
        sys.stdout.write(content)
        return
    try:
        # As bytes, because writing text would translate the CRLF of a CSV on Windows.
        output.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise AblateError(f"--output {output}: cannot be written ({error.strerror}); {remedy}") from None
