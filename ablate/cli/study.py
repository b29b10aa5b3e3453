"""What ``stability`` and ``prevalence`` have in common: they make a job, run a study of it, and print its record."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ablate.cli.options import StudyFormat

if TYPE_CHECKING:
    from ablate.events import Watch
    from ablate.plan.job import Job
    from ablate.report.table import Page
    from ablate.store.store import Store
    from ablate.studies.records import StudyRecord

R = TypeVar("R", bound="StudyRecord")


def study(
    recipe: Path,
    overrides: Sequence[str],
    data: str | None,
    store: str,
    form: StudyFormat,
    output: Path | None,
    work: Callable[[Job, Store, Watch], R],
    page: Callable[[R], Page],
    *,
    wide: bool,
    **where: Any,
) -> None:
    """Runs a study and prints its record.

    Args:
        work: runs the study, and returns its record.
        page: makes a page of the record, for every format except JSON.
        where: what replaces keys of the recipe: ``device``, ``precision``, ``executor`` and ``jobs``.
    """
    from ablate.cli.console import make_console
    from ablate.cli.execution import loading, progress, working
    from ablate.events import Event

    with progress() as watch:
        watch(Event("load", recipe.name))
        from ablate.cli.output import as_text, check_output, put
        from ablate.recipe.recipe import load_recipe
        from ablate.report.formats import as_markdown
        from ablate.report.tables import print_page

        check_output(output, recipe, store)
        checked, document = load_recipe(recipe, overrides, **where)
        watch(loading(checked))
        from ablate.plan.job import prepare_job
        from ablate.studies.records import to_dict

        job = prepare_job(checked, document, data)
        with working(store) as opened:
            record = work(job, opened, watch)
    if form is StudyFormat.json:
        put(json.dumps(to_dict(record), indent=2, allow_nan=False) + "\n", output)
    elif form is StudyFormat.markdown:
        put(as_markdown(page(record)), output)
    elif output is None:
        print_page(page(record), make_console(), wide)
    else:
        put(as_text(page(record)), output)
