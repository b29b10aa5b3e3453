"""What reads stored cells imports no training, whose packages (the extra `train`) the main installation lacks."""

from __future__ import annotations

import subprocess
import sys


def test_choosing_exporting_and_masking_import_no_training() -> None:
    code = (
        "import sys, ablate.export.choose, ablate.export.export, ablate.export.live, ablate.report.stored_contributions\n"
        "print([name for name in sys.modules if name.startswith('ablate.training')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
