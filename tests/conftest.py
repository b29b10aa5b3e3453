"""Settings that hold for every test."""

import os
import signal

# Tests are many and small: a second thread costs more than it brings. Read by torch when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A runner started in the background ignores SIGINT, and so would every test of an interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
