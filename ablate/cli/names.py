"""The names of plug-ins for Tab: at once, whatever the plug-ins do, and without torch in this process.

Those of ablate's own are known. Those of other plug-ins are asked for once, by a process that may fail, print or hang,
and kept in the cache until a plug-in changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from ablate.builtin import NAMES
from ablate.data.cache import cache_base
from ablate.plugins import Installed, installations

PATIENCE = 30.0
"""Seconds that plug-ins have to be imported."""

_ASK = """
import json, sys
from ablate.plugins import KINDS, registry
names = {kind: [entry.plugin.name for entry in registry().of(kind)] for kind in KINDS}
open(sys.argv[1], "w").write(json.dumps(names))
"""


def plugin_names(kind: str) -> tuple[str, ...]:
    """The names of one of :data:`~ablate.plugins.KINDS`; at worst only ablate's own. Raises nothing."""
    names = NAMES[kind]
    try:
        others = [one for one in installations() if not one.ours and not one.blocked]
        if others:
            names += tuple(str(name) for name in _names(others)[kind])
    except Exception:  # a broken environment must not spoil the line that the user is typing
        pass
    return tuple(dict.fromkeys(names))


def _names(others: Iterable[Installed]) -> dict[str, list[str]]:
    state = json.dumps([[one.origin, one.point.value, _touched(one)] for one in others])
    # One file an environment, so that they do not add up.
    file = cache_base(os.environ) / "names" / f"{hashlib.sha256(sys.prefix.encode()).hexdigest()[:16]}.json"
    try:
        known = json.loads(file.read_text())
        if known["state"] == state:
            return dict(known["names"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    file.parent.mkdir(parents=True, exist_ok=True)
    answer = file.with_suffix(f".{os.getpid()}")
    try:
        names = _ask(answer)
        # Of plug-ins that crash too: else every Tab would wait for the crash.
        answer.write_text(json.dumps({"state": state, "names": names}))
        answer.replace(file)
    finally:
        answer.unlink(missing_ok=True)
    return names


def _ask(answer: Path) -> dict[str, list[str]]:
    try:
        subprocess.run(
            [sys.executable, "-P", "-c", _ASK, str(answer)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=True,
        )
        return dict(json.loads(answer.read_text()))
    except (OSError, ValueError, subprocess.SubprocessError):
        return {kind: [] for kind in NAMES}


def _touched(one: Installed) -> int:
    """When the module, or one beside it in its package, was last written, in nanoseconds."""
    spec = find_spec(one.point.module.partition(".")[0])
    if spec is None or spec.origin is None:
        return 0
    own = Path(spec.origin)
    files = own.parent.glob("*.py") if own.name == "__init__.py" else [own]
    return max((file.stat().st_mtime_ns for file in files), default=0)
