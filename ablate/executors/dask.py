"""Evaluates cells on the workers of a Dask cluster: of this machine, of an address, or of a SLURM queue."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import count, islice
from typing import Any, ClassVar

from pydantic import Field, model_validator

from ablate.distribution import pip_install
from ablate.errors import PluginError, one_line
from ablate.executors.base import Item, Outcome, ToDo, lost
from ablate.executors.cores import cores
from ablate.executors.with_workers import WithWorkers
from ablate.printable import visible

LOSSES = 3
"""How often an item is begun whose worker ends, before it fails. Clusters of others decide
this themselves (``distributed.scheduler.allowed-failures``)."""

WAIT_SECONDS = 30.0
"""How long the run waits for a worker that fits, when no worker that is there does."""

PACKAGES = ("ablate-embeddings", "torch", "transformers", "sentence-transformers", "numpy")
"""Of which a worker needs the versions of the coordinator, since scores depend on them."""


class Dask(WithWorkers):
    """The workers of a Dask cluster, each with the model and the data. They may come and go during the run.

    A worker that lacks the model, the data or the packages of this process is given no further cells, and is named in
    one line. If no worker is left then, the run ends.
    """

    name: ClassVar[str] = "dask"
    help: ClassVar[str] = "workers of a Dask cluster: of this machine, of an address, or of a SLURM queue"

    address: str | None = Field(None, description="of a running scheduler, as tcp://HOST:8786")
    slurm: dict[str, Any] | None = Field(None, description="arguments of dask_jobqueue.SLURMCluster; starts one")
    jobs: int | None = Field(
        None, ge=1, le=10_000, description="how many workers; by default one for each four cores, or one SLURM job"
    )

    @model_validator(mode="after")
    def _one_cluster(self) -> Dask:
        if self.address is not None and (self.slurm is not None or self.jobs is not None):
            raise ValueError("a cluster at an address has its own workers; leave out slurm and jobs")
        return self

    def started(self) -> AbstractContextManager[_Cluster]:
        return _connected(self)


@dataclass
class _Cluster:
    """A cluster during a run. refused: the address of each worker that does not fit -> why."""

    client: Any  # distributed.Client, most of which has no types
    refused: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    def map(self, work: Callable[[Item], Outcome], items: Iterable[Item]) -> Iterator[Outcome]:
        from distributed import as_completed

        client, source = self.client, iter(items)
        job = partial(_on_worker, work, versions(), os.getcwd())
        busy: dict[Any, Item] = {}
        finished: Any = as_completed(loop=client.loop)

        def give(item: Item) -> None:
            key = f"ablate-{next(self.numbers)}"
            future = client.submit(job, item, key=key, pure=False, workers=self.fit_workers())
            busy[future] = item
            finished.add(future)

        try:
            while True:
                # One more than can be worked on, so that no worker waits while the next mask is made.
                room = max(1, sum(client.nthreads().values())) + 1 - len(busy)
                for item in islice(source, max(0, room)):
                    give(item)
                if not busy:
                    return
                future = next(finished)
                item = busy.pop(future)
                worker, outcome = _outcome(future, item)
                why = outcome.misplaced
                if worker is None or why is None:
                    yield outcome
                else:
                    self.refuse(worker, why)
                    give(item)
        finally:
            client.cancel(list(busy), force=True)

    def refuse(self, worker: str, why: str) -> None:
        """Gives a worker no further cells, and says so once."""
        if worker not in self.refused:
            self.refused[worker] = f"worker {worker}: {why}"
            print(visible(f"ablate: {self.refused[worker]}; it gets no further cells"), file=sys.stderr)

    def fit_workers(self) -> list[str] | None:
        """The workers that are there and not refused; None for any, as long as none is.

        Raises:
            PluginError: there is none, and none has come in :data:`WAIT_SECONDS`.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while self.refused:
            fit = [worker for worker in self.client.nthreads() if worker not in self.refused]
            if fit:
                return fit
            if time.monotonic() > deadline:
                raise PluginError(f"executor 'dask': no worker fits: {'; '.join(self.refused.values())}")
            time.sleep(0.2)
        return None


@contextmanager
def _connected(given: Dask) -> Iterator[_Cluster]:
    """The cluster, which is started if the recipe names none."""
    try:
        import dask
        from distributed import Client
    except ImportError:
        raise PluginError(f"executor 'dask' needs distributed; `{pip_install('dask')}`") from None
    with ExitStack() as stack:
        # The mask of single weights of a large model has megabytes, of which Dask would warn.
        settings = {
            "distributed.scheduler.allowed-failures": LOSSES - 1,
            "distributed.admin.large-graph-warning-threshold": "1GB",
        }
        stack.enter_context(dask.config.set(settings))
        where: Any = given.address
        try:
            if where is None:
                where = stack.enter_context(_slurm(given) if given.slurm is not None else _local(given.jobs))
            client = stack.enter_context(Client(where, timeout=10, set_as_default=False))
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise PluginError(f"executor 'dask': no cluster {_place(given)}: {one_line(error)}") from error
        yield _Cluster(client)


def _place(given: Dask) -> str:
    if given.slurm is not None:
        return "of SLURM jobs (its arguments are those of dask_jobqueue.SLURMCluster)"
    return f"at {given.address}" if given.address else "on this machine (a script needs `if __name__ == '__main__':`)"


def _local(jobs: int | None) -> Any:
    from distributed import LocalCluster

    workers = jobs or max(2, cores() // 4)
    threads = str(max(1, cores() // workers))
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs="CRITICAL",
        env={"OMP_NUM_THREADS": threads},
        preload=["ablate.executors.dask_worker"],
    )


def _slurm(given: Dask) -> Any:
    from dask_jobqueue import SLURMCluster

    # One evaluation at a time in each worker, on all of its cores: a model is masked by one cell at a time.
    cluster: Any = SLURMCluster(**{"processes": 1, **(given.slurm or {})})
    cluster.scale(jobs=given.jobs or 1)
    return cluster


def _outcome(future: Any, item: ToDo) -> tuple[str | None, Any]:
    """The worker and what it gives; no worker if several have ended."""
    from distributed import KilledWorker

    try:
        worker, outcome = future.result()
    except KilledWorker:
        return None, lost(item, f"its worker ended, {LOSSES} times")
    return worker, outcome


def _on_worker(
    work: Callable[[Item], Outcome], packages: Mapping[str, str], folder: str, item: Item
) -> tuple[str, Outcome]:
    from distributed import get_worker

    worker = str(get_worker().address)
    here = versions()
    if differing := [name for name in packages if packages[name] != here[name]]:
        name = differing[0]
        reason = f"has {name} {here[name]}, and the coordinator has {packages[name]}; install the same packages"
        return worker, lost(item, reason, "place")
    if os.getcwd() != folder:
        try:
            os.chdir(folder)  # relative paths start there
        except OSError as error:
            return worker, lost(item, f"has no folder {folder} ({error.strerror})", "place")
    return worker, work(item)


def versions() -> dict[str, str]:
    """The versions of :data:`PACKAGES` in this process."""
    return {name: version(name) for name in PACKAGES}
