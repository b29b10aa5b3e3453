"""Are vulnerabilities known in a version that requirements.lock pins? `python -m tools.audit` asks pip-audit.

pip-audit passes a package that its service does not know, as it passes one without vulnerabilities. A registry that lacks
that service would so pass everything. Therefore each service is first asked about a version that has vulnerabilities.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

LOCK = Path(__file__).parent.parent / "requirements.lock"
SERVICES = ("pypi", "osv")
VULNERABLE = "django==3.2"


def main() -> int:
    """The exit status of pip-audit; 0 where no service answers, which is printed."""
    for service in SERVICES:
        if answers(service):
            return audit(service, "--strict", "--require-hashes", "--requirement", str(LOCK)).returncode
    print(f"skipped: no service of known vulnerabilities ({', '.join(SERVICES)}) answers here")
    return 0


def answers(service: str) -> bool:
    """Whether the service tells of a vulnerability where there is one."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "vulnerable.txt"
        file.write_text(VULNERABLE)
        asked = audit(service, "--no-deps", "--format", "json", "--requirement", str(file), capture=True)
    try:
        return any(found["vulns"] for found in json.loads(asked.stdout)["dependencies"])
    except (ValueError, KeyError):  # no JSON: an error; no `vulns`: a package that the service does not know
        return False


def audit(service: str, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs pip-audit on versions as they are written; pip resolves nothing."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--progress-spinner", "off", "--timeout", "10"]
    return subprocess.run([*command, "--vulnerability-service", service, *arguments], text=True, capture_output=capture)


if __name__ == "__main__":
    sys.exit(main())
