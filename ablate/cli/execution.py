"""What ``run`` and ``compare`` do alike, once each has its job."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from rich.console import Console

from ablate.cli.options import Execution
from ablate.cli.output import check_output, deliver
from ablate.cli.progress import Progress
from ablate.coordinator.dry_run import preview
from ablate.coordinator.run import execute as execute_job
from ablate.plan.job import Job
from ablate.report.results import Results
from ablate.store.place import check_store_file, locate
from ablate.store.store import Store


def execute(make: Callable[[], Job], execution: Execution, *, recipe: Path | None = None) -> None:
    """Runs a job, or previews it, and prints the results.

    Args:
        make: reads and checks what was asked for.
        recipe: a file that is not to be written over.
    """
    form, output = execution.form, execution.output
    check_output(output, recipe, locate(execution.store).path, form=form)
    job = make()
    if execution.dry_run:
        with _store_to_read(execution.store) as opened:
            preview(job, opened).render(Console(soft_wrap=True, highlight=False))
        return
    with working(execution.store) as (opened, progress):
        record = execute_job(job, opened, keep_going=execution.keep_going, watch=progress)
    deliver(Results.of(record), form, output)


@contextmanager
def working(store: str) -> Iterator[tuple[Store, Progress]]:
    """The store, open, and the progress of what goes into it; ends with status 130 if the user breaks it off."""
    try:
        # What plug-ins print while they work is none of the results.
        with Store(store) as opened, Progress() as progress, redirect_stdout(sys.stderr):
            yield opened, progress
    except KeyboardInterrupt:
        print("ablate: interrupted; what was finished is stored: the same command goes on from there", file=sys.stderr)
        raise typer.Exit(130) from None


@contextmanager
def _store_to_read(store: str) -> Iterator[Store]:
    """The store, or where there is none yet an empty one elsewhere: a dry run makes none."""
    place = locate(store)
    if place.path is None or (place.path.exists() and place.path.stat().st_size):
        with Store(store, create=place.path is None) as opened:
            yield opened
        return
    check_store_file(place.name, place.path, create=True)
    with TemporaryDirectory() as folder, Store(Path(folder) / "empty.db") as opened:
        yield opened
