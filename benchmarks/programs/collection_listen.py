"""A listener in a process: `collection_listen.py URL STORE FIELD BATCH`, until SIGTERM."""

import signal
import sys
import threading

from collection_model import digit, offset, rows

from pystore import Store, match_best, realize

url, store, field, batch = sys.argv[1:]
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
with Store(store).use():
    realize(offset(), progress=False)
    listener = rows(url, field).listener(digit, match_best("score.txt"), on=field, batch=int(batch))
    listener.install()
    listener.run(stop)
