"""One trial: webhooks in, processes killed meanwhile, and then nothing more until everything is done."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automations.settings import Settings
from tests.crash.app import App, Role
from tests.crash.books import Books
from tests.crash.findings import Findings, judge
from tests.crash.installation import furnish
from tests.crash.targets import Targets, serving
from tests.crash.webhooks import Sender

#: How often each role is hit, of 20 kills.
ROLES: dict[Role, int] = {"worker": 11, "web": 6, "parent": 2, "everything": 1}
AT_ONCE = 40
CONNECTIONS = 8
#: How long a kill waits for work to be under way again, and how long it then lets it go on at most.
UNDER_WAY_S = 8.0
GOES_ON_S = 0.6


@dataclass(frozen=True)
class Plan:
    """What a trial does. within_s: what is not done by then counts as lost. failing: share of calls that fail."""

    database: str
    webhooks: int = 20_000
    changes: int = 8
    kills: int = 200
    workers: int = 2
    seed: int = 1
    failing: float = 0.0
    recipes: Sequence[str] = ("calls", "events", "people")
    within_s: float = 1_500.0

    @property
    def sequence(self) -> list[tuple[int, int]]:
        """Return (deal, number) in the order of sending: `AT_ONCE` deals change by turns, then the next."""
        deals = self.webhooks // self.changes
        return [
            (deal, number)
            for first in range(1, deals + 1, AT_ONCE)
            for number in range(self.changes)
            for deal in range(first, min(first + AT_ONCE, deals + 1))
        ]


@dataclass
class Trial:
    """A plan being carried out in a folder of its own."""

    plan: Plan
    folder: Path
    database_url: str = ""
    say: Callable[[str], None] = lambda _: None
    killed: Counter[str] = field(default_factory=Counter)

    def run(self) -> Findings:
        """Carry the plan out and judge what came of it."""
        began_s = time.monotonic()
        instance = self.folder / "instance"
        instance.mkdir()
        url = Settings(instance=instance, database_url=self.database_url).resolved_database_url
        app = App(instance, workers=self.plan.workers, database_url=self.database_url)
        with serving(self.plan.failing, self.plan.seed) as targets:
            hook = furnish(instance, targets, app.port, self.database_url, list(self.plan.recipes))
            allowance = threading.Semaphore(0)
            sender = Sender(hook, CONNECTIONS, allowance)
            books = Books(url)
            try:
                with app:
                    self._fire(app, sender, allowance, targets, books)
                    self._finish(books, began_s)
                    status = app.stop()
                self.say(f"stopped with {status}")
                seconds = time.monotonic() - began_s
                return judge(self.plan, sender, targets, books, self.killed, seconds, status)
            finally:
                books.close()

    def _fire(
        self, app: App, sender: Sender, allowance: threading.Semaphore, targets: Targets, books: Books
    ) -> None:
        """Send everything, a part of it before each kill."""
        sending = sender.send(self.plan.sequence, timeout_s=self.plan.within_s)
        chance = random.Random(self.plan.seed)
        total = len(self.plan.sequence)
        released = 0
        for kill in range(self.plan.kills):
            upto = total * (kill + 1) // (self.plan.kills + 1)
            allowance.release(upto - released)
            released = upto
            self._wait_for_work(targets, chance)
            self._kill(app, chance)
            books.note_closed()
            if (kill + 1) % max(1, self.plan.kills // 10) == 0:
                self.say(f"{kill + 1} kills, {sender.count} accepted, {targets.count} arrived")
        if total > released:
            allowance.release(total - released)
        sending.join(timeout=self.plan.within_s)

    def _wait_for_work(self, targets: Targets, chance: random.Random) -> None:
        """Most kills hit an app at work; one in ten does not wait until it is."""
        before, deadline_s = targets.count, time.monotonic() + UNDER_WAY_S
        if chance.random() >= 0.1:
            while targets.count == before and time.monotonic() < deadline_s:
                time.sleep(0.02)
        time.sleep(chance.random() * GOES_ON_S)

    def _kill(self, app: App, chance: random.Random) -> None:
        (role,) = chance.choices(list(ROLES), list(ROLES.values()))
        while not app.kill_one(role, chance):
            # All of that role are just being started again.
            ended = app.ended_with
            assert ended is None, f"the app ended by itself with {ended}:\n{app.log.read_text()[-3000:]}"
            time.sleep(0.05)
        self.killed[role] += 1
        if role in ("parent", "everything"):
            app.start()

    def _finish(self, books: Books, began_s: float) -> None:
        while books.unended() and time.monotonic() - began_s < self.plan.within_s:
            books.note_closed()
            time.sleep(0.5)
