"""What reads stored cells does without the packages of the extra `train`, which the main installation lacks."""

from __future__ import annotations

import subprocess
import sys


def test_choosing_exporting_and_masking_need_no_package_of_training() -> None:
    code = (
        "import sys\nfor name in ('datasets', 'accelerate'): sys.modules[name] = None\n"
        "import ablate.export.choose, ablate.export.export, ablate.export.live, ablate.report.stored_contributions\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
