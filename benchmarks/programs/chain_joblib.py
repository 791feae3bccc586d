"""The chain with joblib.Memory: `chain_joblib.py FOLDER STAGES`."""

import sys

import joblib
import telling

memory = joblib.Memory(sys.argv[1], verbose=0)


@memory.cache  # type: ignore[untyped-decorator]  # joblib has no types
def link(number: int, before: int) -> int:
    """One stage."""
    return number


value = -1
for number in range(int(sys.argv[2])):
    value = link(number, value)
telling.tell(peak=telling.peak())
