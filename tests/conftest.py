"""Settings that hold for every test."""

import os

# Tests are many and small: a second thread costs more than it brings. Read by torch when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
