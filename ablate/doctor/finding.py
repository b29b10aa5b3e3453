"""What was looked at, what was found, and what is to be mended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of a section. ``mend``: what is wrong and what to do, in a sentence; None if nothing is."""

    what: str
    found: str
    mend: str | None = None


@dataclass(frozen=True)
class Section:
    title: str
    findings: tuple[Finding, ...]


def mends(sections: tuple[Section, ...]) -> list[str]:
    """The things to mend, each once, in order."""
    wrong = (finding.mend for section in sections for finding in section.findings if finding.mend)
    return list(dict.fromkeys(wrong))
