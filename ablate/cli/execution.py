"""Executes the job of ``run``, ``compare`` or ``train``, and opens the store for commands that compute.

What imports torch is imported below the display of progress, since it takes seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer

from ablate.cli.collector import no_collection
from ablate.cli.console import make_console
from ablate.cli.options import Execution
from ablate.cli.say import say
from ablate.cli.signals import stop_if_noticed, told
from ablate.events import Event, Watch
from ablate.progress.display import shown

if TYPE_CHECKING:
    from ablate.plan.job import Job
    from ablate.recipe.recipe import Recipe
    from ablate.store.store import Store


def execute(make: Callable[[Watch], Job], execution: Execution, *, recipe: Path | None = None) -> None:
    """Runs a job, or previews it, and prints the results.

    Args:
        make: reads and checks the recipe or the flags, and returns the job. It is given the watch of progress.
        recipe: a file that the output must not overwrite.
    """
    form, output = execution.form, execution.output
    with progress() as watch:
        watch(Event("load", "ablate" if recipe is None else recipe.name))
        from ablate.cli.output import check_output, deliver

        # Before the job is made, so that a wrong option is reported before data and models are read.
        check_output(output, recipe, execution.store, form=form)
        job = make(watch)
        from ablate.coordinator.dry_run import preview
        from ablate.coordinator.run import execute as execute_job
        from ablate.report.results import Results

        if execution.dry_run:
            with _store_to_read(execution.store) as opened:
                previewed = preview(job, opened, watch)
        else:
            with working(execution.store) as opened:
                record = execute_job(job, opened, keep_going=execution.keep_going, watch=watch)
    if execution.dry_run:
        previewed.render(make_console(soft_wrap=True, highlight=False))
        return
    with no_collection():
        deliver(Results.of(record), form, output, execution.wide)


@contextmanager
def progress() -> Iterator[Watch]:
    """A display of progress. Its watch ends the work after a notice of a batch system."""
    with shown(make_console(err=True, highlight=False), lines=True) as show:

        def watch(event: Event) -> None:
            show(event)
            stop_if_noticed(event)

        yield watch


def loading(recipe: Recipe) -> Event:
    """Says that the models of a recipe are loaded, before that takes seconds."""
    names = [spec.label or Path(spec.name).name for spec in recipe.model]
    return Event("load", names[0] if len(names) == 1 else f"{len(names)} models")


@contextmanager
def working(store: str) -> Iterator[Store]:
    """The open store. If a signal ends the work, the line about it says how to go on."""
    from ablate.store.store import Store

    try:
        # stdout is for results, so what plug-ins print goes to stderr.
        with Store(store) as opened, redirect_stdout(sys.stderr):
            yield opened
    except KeyboardInterrupt as interrupt:
        line, code = told(interrupt, "finished work is stored, and the same command continues from there")
        say(line, err=True)
        raise typer.Exit(code) from None


@contextmanager
def _store_to_read(store: str) -> Iterator[Store]:
    """The store for a dry run, which creates none: if there is no store yet, an empty one in a temporary folder."""
    from ablate.store.place import NoStoreYet, check_store_file, locate
    from ablate.store.store import Store

    place = locate(store)
    if place.path is None or (place.path.exists() and place.path.stat().st_size):
        try:
            opened = Store(store, create=False)
        except NoStoreYet:
            if place.path is not None:
                raise
        else:
            with opened:
                yield opened
            return
    else:
        check_store_file(place.name, place.path, create=True)
    with TemporaryDirectory() as folder, Store(Path(folder) / "empty.db") as empty:
        yield empty
