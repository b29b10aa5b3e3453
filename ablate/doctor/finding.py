"""What `ablate doctor` reports: sections of findings, one finding a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of a section.

    what: what was checked.
    state: the state it is in.
    fix: if something is wrong, one sentence that says what is wrong and what to do; else None.
    """

    what: str
    state: str
    fix: str | None = None


@dataclass(frozen=True)
class Section:
    title: str
    findings: tuple[Finding, ...]


def fixes(sections: tuple[Section, ...]) -> list[str]:
    """What there is to fix, in order. Two findings with the same fix count once."""
    needed = (finding.fix for section in sections for finding in section.findings if finding.fix)
    return list(dict.fromkeys(needed))
