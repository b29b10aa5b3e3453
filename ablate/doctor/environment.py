"""The environment: versions, threads, GPU, extras and the embedded model."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from ablate.distribution import DISTRIBUTION, pip_install
from ablate.doctor.finding import Finding, Section
from ablate.errors import ModelError


def environment() -> Section:
    """The section on the environment."""
    requirements = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    required = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    extras = metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    return Section(
        "Environment",
        (
            Finding("ablate", version(DISTRIBUTION)),
            Finding("Python", f"{platform.python_version()}, {sys.executable}"),
            Finding("platform", platform.platform()),
            *map(_required, required),
            Finding("SQLite", sqlite3.sqlite_version),
            *_machine(),
            *(_extra(extra, requirements) for extra in extras if extra != "dev"),
            _embedded_model(),
        ),
    )


def _required(requirement: Requirement) -> Finding:
    name, present = requirement.name, installed(requirement.name)
    if present is None:
        return Finding(name, "not installed", f"{name} is not installed: pip install '{requirement}'")
    # By default a specifier refuses every pre-release, such as a nightly torch.
    if not requirement.specifier.contains(present, prereleases=True):
        fix = f"{name} {present} is the wrong version: pip install '{requirement}'"
        return Finding(name, f"{present}, not {requirement.specifier}", fix)
    return Finding(name, present)


def installed(package: str) -> str | None:
    """The version of an installed package, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _machine() -> list[Finding]:
    import torch

    # A container or a batch system may allow fewer cores than the machine has. macOS and Windows cannot tell.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    gpu = ", ".join(devices) if devices and torch.cuda.is_available() else "none"
    return [
        Finding("cores", f"{usable} usable of {os.cpu_count()}; torch uses {torch.get_num_threads()} threads"),
        Finding("products on the CPU", _products()),
        Finding("GPU", gpu),
    ]


def _products() -> str:
    from ablate.models.products import MARGIN, one_dnn_times

    times = one_dnn_times()
    if not times:
        return "by torch's default library; this torch has no other"
    by = "oneDNN" if times >= MARGIN else "torch's default library"
    return f"by {by}; oneDNN is {times:.1f} times as fast as the default here"


def _extra(extra: str, requirements: list[Requirement]) -> Finding:
    """An extra that is not installed is not a fault."""
    lacking = [
        r.name
        for r in requirements
        # The extra's own requirements: without the extra, their markers are false.
        if r.marker is not None and r.marker.evaluate({"extra": extra}) and not r.marker.evaluate({"extra": ""})
        if (present := installed(r.name)) is None or not r.specifier.contains(present, prereleases=True)
    ]
    if lacking:
        return Finding(f"extra {extra}", f"lacks {', '.join(lacking)}; {pip_install(extra)}")
    return Finding(f"extra {extra}", "installed")


def _embedded_model() -> Finding:
    from ablate.models.checkpoint import MINILM_PACKAGE, find_checkpoint
    from ablate.models.spec import ModelSpec

    what = "model minilm"
    if installed(MINILM_PACKAGE) is None:
        return Finding(what, f"not installed; {pip_install('minilm')}")
    try:
        find_checkpoint(ModelSpec(name="minilm"))
    except ModelError as error:
        return Finding(what, "broken", str(error))
    return Finding(what, "embedded, its weights have the expected hash")
