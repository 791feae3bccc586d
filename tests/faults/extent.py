"""How much is tested: `make faults` fits into ten minutes, `make faults-long` takes its time."""

import os

LONG = bool(os.environ.get("PYSTORE_TEST_LONG"))
