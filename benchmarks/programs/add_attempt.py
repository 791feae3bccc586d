"""One more attempt of some derivation of a store: `add_attempt.py STORE`."""

import random
import sys

import telling

from pystore import Context, Store
from pystore.core.attempt import AttemptReport

store = Store(sys.argv[1], durable=False)
dref = random.choice(store.drefs())
staged = store.begin(store.config(dref), Context())
(staged.out / "accuracy.txt").write_text(f"{random.random():.6f}\n")
store.commit(staged, AttemptReport())
telling.tell(dref=dref)
