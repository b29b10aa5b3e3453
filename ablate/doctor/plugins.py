"""Each installed plug-in, and whether it can be loaded."""

from __future__ import annotations

from ablate.doctor.finding import Finding, Section
from ablate.plugin_loading import Installed, installations
from ablate.plugins import registry


def plugins() -> Section:
    """What each installed plug-in registers, and the names that several of them register."""
    return Section("Plug-ins", (*map(_plugin, installations()), *_duplicates()))


def _plugin(installed: Installed) -> Finding:
    what = f"{installed.origin} ({installed.entry_point.name})"
    if installed.blocked:
        return Finding(what, "excluded by ABLATE_DISABLE_PLUGINS")
    loaded = registry()
    for broken in loaded.broken:
        if broken.origin == installed.origin:
            fix = f"{broken}; update or uninstall it, or block it with ABLATE_DISABLE_PLUGINS"
            return Finding(what, "does not load", fix)
    names = [entry.plugin.name for entry in loaded.entries if entry.origin == installed.origin]
    names += [f"{entry.finder.prefix}:…" for entry in loaded.finders if entry.origin == installed.origin]
    return Finding(what, f"loads; registers {', '.join(names) or 'nothing'}")


def _duplicates() -> list[Finding]:
    return [
        Finding(f"{kind} {name}", "registered twice", message)
        for (kind, name), message in registry().duplicates().items()
    ]
