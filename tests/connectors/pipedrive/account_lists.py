"""An account's memory that lasts as long as a test."""

from collections import defaultdict
from contextlib import contextmanager
from threading import Lock


class Remembered(dict):
    """Lists by name; identities and holds as the stored one keeps them."""

    can_wait = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.identities = {}
        self.holds = defaultdict(Lock)
        self.spent, self.waits, self.observed = [], {}, {}
        self.written, self.made = [], []

    def put(self, name, entries):
        self[name] = entries

    def known(self, entity, field, value):
        return self.identities.get((entity, field, value))

    def remember(self, entity, field, value, remote_id):
        self.identities[entity, field, value] = remote_id

    def forget(self, entity, field, value):
        self.identities.pop((entity, field, value), None)

    @contextmanager
    def alone(self, key):
        with self.holds[key]:
            yield

    @contextmanager
    def writing(self, imprints):
        self.written += imprints
        yield self.made.append

    def spend(self, pool, cost):
        self.spent.append((pool.name, cost))
        return self.waits.pop(pool.name, 0.0)

    def observe(self, pool, most, left=None):
        self.observed[pool.name] = (most, left)
