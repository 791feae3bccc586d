"""Chooses the best among many realizations, in a fresh process: `choose_best.py STORE NUMBER`."""

import sys

import telling
from many_realizations import METRIC, derivation

from pystore import Store, match_best, realize, realize_many

store, number = Store(sys.argv[1], durable=False), int(sys.argv[2])
many = derivation(number)
if many.dref not in store.drefs():
    store.record([many.config])
    realize_many(many, store=store, max_attempts=number)
telling.tell(best=realize(many.replace(matcher=match_best(METRIC)), store=store))
