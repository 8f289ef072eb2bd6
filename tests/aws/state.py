"""What the emulator remembers beside moto: rules that tests have set, sessions that it has issued, calls that it has seen."""

import collections
import threading


class State:
    def __init__(self):
        self.lock = threading.RLock()
        self.sessions = {}
        self.forget()

    def forget(self):
        """Everything but the sessions: a client may still hold one."""
        self.roles, self.strict, self.regions, self.delegated = {}, set(), {}, set()
        self.events, self.public_keys = collections.defaultdict(list), collections.defaultdict(list)
        self.private = {}
        self.trail_status = collections.defaultdict(dict)
        self.canned, self.faults, self.requests = [], [], []
        self.occurrences = collections.Counter()

    def note(self, call):
        with self.lock:
            self.requests.append(call.noted())


STATE = State()
