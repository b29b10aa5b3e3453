"""Executes the job of ``run``, ``compare`` or ``train``, and opens the store for commands that compute."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from ablate.cli.collector import no_collection
from ablate.cli.console import make_console
from ablate.cli.options import Execution
from ablate.cli.output import check_output, deliver
from ablate.cli.progress import Progress
from ablate.cli.say import say
from ablate.cli.signals import told
from ablate.coordinator.dry_run import preview
from ablate.coordinator.run import execute as execute_job
from ablate.plan.job import Job
from ablate.report.results import Results
from ablate.store.place import NoStoreYet, check_store_file, locate
from ablate.store.store import Store


def execute(make: Callable[[], Job], execution: Execution, *, recipe: Path | None = None) -> None:
    """Runs a job, or previews it, and prints the results.

    Args:
        make: reads and checks the recipe or the flags, and returns the job.
        recipe: a file that the output must not overwrite.
    """
    form, output = execution.form, execution.output
    # Before the job is made, so that a wrong option is reported before data and models are read.
    check_output(output, recipe, execution.store, form=form)
    job = make()
    if execution.dry_run:
        with _store_to_read(execution.store) as opened:
            preview(job, opened).render(make_console(soft_wrap=True, highlight=False))
        return
    with working(execution.store) as (opened, progress):
        record = execute_job(job, opened, keep_going=execution.keep_going, watch=progress)
    with no_collection():
        deliver(Results.of(record), form, output, execution.wide)


@contextmanager
def working(store: str) -> Iterator[tuple[Store, Progress]]:
    """The open store and a display of progress. If a signal ends the work, the line about it says how to go on."""
    try:
        # stdout is for results, so what plug-ins print goes to stderr.
        with Store(store) as opened, Progress() as progress, redirect_stdout(sys.stderr):
            yield opened, progress
    except KeyboardInterrupt as interrupt:
        line, code = told(interrupt, "finished work is stored, and the same command continues from there")
        say(line, err=True)
        raise typer.Exit(code) from None


@contextmanager
def _store_to_read(store: str) -> Iterator[Store]:
    """The store for a dry run, which creates none: if there is no store yet, an empty one in a temporary folder."""
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
