"""What ``run`` and ``compare`` do alike, once each has its job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from ablate.cli.options import Format
from ablate.cli.output import check_output, deliver
from ablate.cli.progress import Progress
from ablate.experiment.job import Job
from ablate.experiment.preview import preview
from ablate.experiment.run import execute as execute_job
from ablate.experiment.store import Store


def execute(
    make: Callable[[], Job], *, store: str, dry_run: bool, form: Format, output: Path | None, keep_going: bool
) -> None:
    """Runs a job, or previews it, and prints the results."""
    check_output(output)
    job = make()
    with Store(store) as opened:
        if dry_run:
            preview(job, opened).render(Console(soft_wrap=True, highlight=False))
            return
        with Progress() as progress:
            results = execute_job(job, opened, keep_going=keep_going, watch=progress)
    deliver(results, form, output)
