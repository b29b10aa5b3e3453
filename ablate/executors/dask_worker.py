"""What distributed loads into each worker of a local cluster (``preload``)."""

from __future__ import annotations

from ablate.executors.worker_process import leave_to_coordinator


def dask_setup(worker: object) -> None:  # noqa: ARG001
    """Called by distributed in the main thread of a new worker."""
    leave_to_coordinator()
