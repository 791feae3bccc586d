"""The chain with Hamilton: `chain_hamilton.py FOLDER STAGES`."""

import logging
import sys
from types import ModuleType

import telling
from hamilton import driver

sys.setrecursionlimit(100_000)  # it goes through the chain by recursion
logging.disable(logging.WARNING)
length = int(sys.argv[2])
# A function for each stage, as Hamilton wants them: its parameter names the one before.
lines = ["def link_0() -> int:\n    return 0\n"]
lines += [f"def link_{n}(link_{n - 1}: int) -> int:\n    return {n}\n" for n in range(1, length)]
module = ModuleType("chain")
sys.modules["chain"] = module
exec("\n".join(lines), vars(module))
chain = driver.Builder().with_modules(module).with_cache(path=sys.argv[1]).build()
assert chain.execute([f"link_{length - 1}"])
telling.tell(peak=telling.peak())
