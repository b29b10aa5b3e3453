"""What a worker of this machine does before its first evaluation."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time


def begin(parent: int, threads: int, gpu: str | None) -> None:
    """Prepares a new process of the executor ``processes``.

    Args:
        parent: the process that it works for; when that ends, however it ends, this one ends too.
        threads: how many cores it may use.
        gpu: the one CUDA GPU that it may see; None for all.
    """
    # Before torch is imported, which reads them only then.
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    leave_to_coordinator()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch

    torch.set_num_threads(threads)


def leave_to_coordinator() -> None:
    """Leaves the signals that end a run, and stdout, to the coordinator of this worker."""
    # Ctrl-C reaches all processes of a terminal, and SLURM's signals all of a job step. The coordinator ends this one.
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # stdout is for results, and what plug-ins print is none.
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), 1)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
