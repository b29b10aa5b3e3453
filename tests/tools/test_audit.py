"""The audit says when no service answered; the lock file that it reads has the versions of constraints.txt."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import audit

# What pip-audit prints where a service tells of a vulnerability, knows none, does not know the package, and is not there.
TOLD = '{"dependencies": [{"name": "django", "version": "3.2", "vulns": [{"id": "PYSEC-2021-98"}]}], "fixes": []}'
SILENT = {
    "none": '{"dependencies": [{"name": "django", "version": "3.2", "vulns": []}], "fixes": []}',
    "unknown": '{"dependencies": [{"name": "django", "skip_reason": "Dependency not found on PyPI"}], "fixes": []}',
    "no connection": "",
}


def pins(text: str) -> dict[str, str]:
    """The version of each package in a requirements file, with or without hashes."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    found = [Requirement(line.split(" --hash")[0]) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier) for one in found}


def test_the_lock_file_has_the_versions_of_the_constraints_with_hashes_and_no_torch() -> None:
    lock = audit.LOCK.read_text()
    constraints = pins((audit.LOCK.parent / "constraints.txt").read_text())
    assert constraints.pop("torch")
    assert pins(lock) == constraints, "make it again with the command in its first lines"
    entries = re.sub(r"\\\n\s*", " ", lock).splitlines()
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert "://" not in lock, "the lock file names no registry"


@pytest.mark.parametrize("printed", SILENT.values(), ids=SILENT)
def test_without_a_service_the_audit_says_so(
    printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "audit", lambda *_, **__: subprocess.CompletedProcess([], 0, printed))
    assert audit.main() == 0
    assert capsys.readouterr().out == "skipped: no service of known vulnerabilities (pypi, osv) answers here\n"


def test_the_first_service_that_answers_audits_the_lock_file(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def answer(service: str, *arguments: str, **_: Any) -> subprocess.CompletedProcess[str]:
        locked = str(audit.LOCK) in arguments
        asked.append((service, locked))
        return subprocess.CompletedProcess([], 1, TOLD if service == "osv" else SILENT["unknown"])

    monkeypatch.setattr(audit, "audit", answer)
    assert audit.main() == 1
    assert asked == [("pypi", False), ("osv", False), ("osv", True)]
