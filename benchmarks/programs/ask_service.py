"""Clients of a service, each a process with one connection: `ask_service.py PORT COUNT SECONDS`.

Each asks again as soon as it is answered. Tells when each was answered [s, monotonic], after how
long [ms], with what, and how many were not.
"""

import http.client
import json
import multiprocessing
import random
import sys
import time
from typing import Any

PORT, COUNT, SECONDS = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
HEADERS = {"Content-Type": "application/json"}


def ask(number: int, start: Any, answers: Any) -> None:
    """One client, from the moment at which all are there."""
    chance = random.Random(number)
    body = json.dumps({"features": [[chance.gauss(0, 1) for _ in range(784)]]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
    told: list[tuple[float, float, str]] = []
    failed = 0
    start.wait()
    end = time.monotonic() + SECONDS
    while (begin := time.monotonic()) < end:
        try:
            connection.request("POST", "/predict", body, HEADERS)
            reply = connection.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            failed += 1
            continue
        now = time.monotonic()
        if reply.status != 200:
            failed += 1
        else:
            told.append((now, 1e3 * (now - begin), content.decode()))
    answers.put((failed, told))


def main() -> None:
    """Asks with all of them."""
    fork = multiprocessing.get_context("fork")
    start, answers = fork.Barrier(COUNT), fork.SimpleQueue()
    clients = [fork.Process(target=ask, args=(i, start, answers)) for i in range(COUNT)]
    for client in clients:
        client.start()
    found = [answers.get() for _ in clients]
    for client in clients:
        client.join()
    print(json.dumps({"failed": sum(one[0] for one in found), "told": [one[1] for one in found]}))


if __name__ == "__main__":
    main()
