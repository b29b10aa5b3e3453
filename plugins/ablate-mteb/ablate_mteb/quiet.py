"""Runs code of MTEB without what it does to the process: no network, no progress bars, no seeds set."""

from __future__ import annotations

import random
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_LOCK = threading.RLock()


@contextmanager
def quietly(offline: bool = True) -> Iterator[None]:
    """One thread at a time, because tasks of MTEB change themselves, and switches of libraries are global.

    Args:
        offline: refuse the network, also where the environment allows it. What is in the cache is still read.
    """
    import datasets
    import huggingface_hub

    hub, local = huggingface_hub.constants, datasets.config
    with _LOCK, warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        states = random.getstate(), np.random.get_state()  # MTEB seeds the global generators
        before = hub.HF_HUB_OFFLINE, local.HF_HUB_OFFLINE, datasets.is_progress_bar_enabled()
        verbosity = datasets.logging.get_verbosity()
        if offline:
            hub.HF_HUB_OFFLINE = local.HF_HUB_OFFLINE = True
        datasets.disable_progress_bars()
        datasets.logging.set_verbosity_error()
        try:
            yield
        finally:
            hub.HF_HUB_OFFLINE, local.HF_HUB_OFFLINE = before[:2]
            datasets.logging.set_verbosity(verbosity)
            if before[2]:
                datasets.enable_progress_bars()
            random.setstate(states[0])
            np.random.set_state(states[1])
