"""Each plug-in distribution, and whether it loads."""

from __future__ import annotations

from ablate.doctor.finding import Finding, Section
from ablate.plugins import Installed, installations, registry


def plugins() -> Section:
    """What every distribution with an entry point of ours adds."""
    return Section("Plug-ins", (*(_loads(one) for one in installations()), *_twice()))


def _loads(one: Installed) -> Finding:
    what = f"{one.origin} ({one.point.name})"
    if one.blocked:
        return Finding(what, "left out by ABLATE_DISABLE_PLUGINS")
    found = registry()
    for broken in found.broken:
        if broken.origin == one.origin:
            mend = f"{broken}; update or uninstall it, or block it with ABLATE_DISABLE_PLUGINS"
            return Finding(what, "does not load", mend)
    names = ", ".join(entry.plugin.name for entry in found.entries if entry.origin == one.origin)
    return Finding(what, f"loads; has {names or 'nothing'}")


def _twice() -> list[Finding]:
    """Names that two of them register."""
    return [Finding(f"{kind} {name}", "registered twice", why) for (kind, name), why in registry().taken().items()]
