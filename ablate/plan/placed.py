"""Adds the place in a recipe to an error about a file that the recipe names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ablate.errors import DataError, RecipeError
from ablate.recipe.document import Document, Location

_IN_A_FILE = re.compile(r"[^\n]*?:(\d+|row \d+)(:\d+)?: ")


@contextmanager
def placed(document: Document, location: Location) -> Iterator[None]:
    """Gives a DataError the place of a value, unless it has the place in a file already.

    Raises:
        RecipeError: a DataError without a place was raised within.
    """
    try:
        yield
    except DataError as error:
        if _IN_A_FILE.match(str(error)):
            raise
        raise RecipeError(f"{document.place(location)}: {error}") from None
