"""Versions, threads, GPU, extras, and the embedded model."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from ablate.distribution import OURS, pip_install
from ablate.doctor.finding import Finding, Section
from ablate.errors import ModelError


def environment() -> Section:
    """What ablate runs on."""
    needed = [Requirement(text) for text in requires(OURS) or ()]
    always = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    extras = metadata(OURS).get_all("Provides-Extra") or []
    return Section(
        "Environment",
        (
            Finding("ablate", version(OURS)),
            Finding("Python", f"{platform.python_version()}, {sys.executable}"),
            Finding("platform", platform.platform()),
            *(_required(one) for one in always),
            Finding("SQLite", sqlite3.sqlite_version),
            *_machine(),
            *(_extra(extra, needed) for extra in extras if extra != "dev"),
            _embedded_model(),
        ),
    )


def _required(one: Requirement) -> Finding:
    found = installed(one.name)
    if found is None:
        return Finding(one.name, "not installed", f"{one.name} is not installed: pip install '{one}'")
    if not one.specifier.contains(found, prereleases=True):
        return Finding(
            one.name, f"{found}, not {one.specifier}", f"{one.name} {found} does not do: pip install '{one}'"
        )
    return Finding(one.name, found)


def installed(package: str) -> str | None:
    """The version of an installed package, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _machine() -> list[Finding]:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    gpu = ", ".join(devices) if devices and torch.cuda.is_available() else "none"
    return [
        Finding("cores", f"{usable} usable of {os.cpu_count()}; torch uses {torch.get_num_threads()} threads"),
        Finding("GPU", gpu),
    ]


def _extra(extra: str, needed: list[Requirement]) -> Finding:
    """An extra that is not there is no fault."""
    its = [one for one in needed if one.marker is not None and one.marker.evaluate({"extra": extra})]
    lacking = [
        one.name
        for one in its
        if (found := installed(one.name)) is None or not one.specifier.contains(found, prereleases=True)
        if one.marker is not None and not one.marker.evaluate({"extra": ""})
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
    return Finding(what, "embedded, its weights have the hash that they should have")
