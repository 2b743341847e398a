"""What a trial proves: each promise with the number of times it was broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.crash.books import Books, Delivered
from tests.crash.installation import CREATES_EVERY, CREATING
from tests.crash.targets import Note, Targets
from tests.crash.webhooks import Sender

if TYPE_CHECKING:
    from tests.crash.trial import Plan

Change = tuple[int, int]


@dataclass
class Findings:
    """breaches: by promise, what broke it; empty where nothing did. The numbers beside them are for the table."""

    database: str
    accepted: int
    kills: dict[str, int]
    seconds: float
    arrived: int
    doubts: int
    failures: int
    breaches: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def is_kept(self) -> bool:
        return not any(self.breaches.values())

    def broken(self, promise: str) -> int:
        return len(self.breaches.get(promise, ()))


PROMISES = ("lost", "repeated", "doubled", "out of order", "parked", "left leased", "not clean")


def judge(
    plan: Plan,
    sender: Sender,
    targets: Targets,
    books: Books,
    killed: Counter[str],
    seconds: float,
    status: int,
) -> Findings:
    """Compare what was accepted with what arrived and with the books."""
    deliveries = books.deliveries()
    accepted = {(deal, number) for deal, numbers in sender.accepted.items() for number in numbers}
    arrived = {"calls": list(targets.notebook.notes), "events": targets.uploaded()}
    found = Findings(
        database=plan.database,
        accepted=len(accepted),
        kills=dict(killed),
        seconds=seconds,
        arrived=sum(len(notes) for notes in arrived.values()),
        doubts=sum(len(notes) - len({(n.deal, n.number) for n in notes}) for notes in arrived.values()),
        failures=targets.notebook.failures,
    )
    if len(accepted) < len(plan.sequence):
        found.breaches["lost"].append(f"only {len(accepted)} were accepted; refused: {sender.refused[:2]}")
    for recipe, notes in arrived.items():
        if recipe in plan.recipes:
            _judge_arrivals(found, recipe, accepted, notes)
    if "people" in plan.recipes:
        _judge_people(found, accepted, targets.people())
    if "events" in plan.recipes:
        _judge_profiles(found, plan, sender, targets)
    _judge_books(found, books, deliveries, status)
    _judge_repeats(found, books, deliveries, arrived)
    return found


def _judge_arrivals(found: Findings, recipe: str, accepted: set[Change], notes: list[Note]) -> None:
    missing = sorted(accepted - {(note.deal, note.number) for note in notes})
    found.breaches["lost"] += [f"{recipe}: change {number} of deal {deal}" for deal, number in missing]
    latest: dict[int, int] = {}
    for note in notes:
        # The same one again is a delivery in doubt; an older one is an inversion.
        if note.number < latest.get(note.deal, -1):
            found.breaches["out of order"].append(
                f"{recipe}: deal {note.deal} had {latest[note.deal]} before {note.number}"
            )
        latest[note.deal] = max(note.number, latest.get(note.deal, -1))


def _judge_people(found: Findings, accepted: set[Change], people: list[str]) -> None:
    makes = [deal for deal, number in accepted if number == CREATING and deal % CREATES_EVERY == 0]
    wanted = {f"deal-{deal}@example.com" for deal in makes}
    found.breaches["lost"] += [f"person {address}" for address in sorted(wanted - set(people))]
    found.breaches["doubled"] += [
        f"{address} is there {times} times" for address, times in Counter(people).items() if times > 1
    ]


def _judge_profiles(found: Findings, plan: Plan, sender: Sender, targets: Targets) -> None:
    for deal in sender.accepted:
        profile = targets.clevertap.profiles.get(f"deal-{deal}", {})
        if profile.get("Number") != plan.changes - 1:
            found.breaches["out of order"].append(f"profile of deal {deal} ended as {profile}")


def _judge_books(found: Findings, books: Books, deliveries: list[Delivered], status: int) -> None:
    found.breaches["parked"] += [f"{record}: {reason}" for record, reason in books.parked()]
    leased, unended = books.leased(), books.unended()
    if leased:
        found.breaches["left leased"].append(f"{leased} runs")
    if unended:
        found.breaches["lost"].append(f"{unended} events or runs have not ended: {books.statuses()}")
    if status != 0:
        found.breaches["not clean"].append(f"the app ended with {status} on SIGTERM")
    for one in deliveries:
        if one.successes > 1 or (one.first_success and one.last_attempt > one.first_success):
            found.breaches["repeated"].append(f"{one.key}: tried again after it had succeeded")


def _judge_repeats(
    found: Findings, books: Books, deliveries: list[Delivered], arrived: dict[str, list[Note]]
) -> None:
    """Nothing may arrive that was closed before, nor more often than the books say it was opened."""
    by_step = {"calls": "call", "events": "event"}
    for recipe, notes in arrived.items():
        entries = {(d.deal, d.number): d for d in deliveries if d.step == by_step[recipe]}
        times = Counter((note.deal, note.number) for note in notes)
        for note in notes:
            entry = entries.get((note.deal, note.number))
            if entry is None or (note.key and note.key != entry.key):
                found.breaches["repeated"].append(
                    f"{recipe}: deal {note.deal}/{note.number} under {note.key!r}"
                )
            elif note.at_s > books.closed_s.get(entry.key, note.at_s):
                found.breaches["repeated"].append(f"{recipe}: {entry.key} arrived after it was closed")
        found.breaches["repeated"] += [
            f"{recipe}: deal {deal}/{number} arrived {count} times, opened {entries[deal, number].attempts} times"
            for (deal, number), count in times.items()
            if (deal, number) in entries and count > entries[deal, number].attempts
        ]


def table(findings: Iterable[Findings]) -> list[list[str]]:
    """Return the lines of the table, the first with the headings."""
    rows = [["database", "accepted", "kills", "arrived", "in doubt, sent again", *PROMISES, "seconds"]]
    for one in findings:
        rows.append(
            [
                one.database,
                f"{one.accepted:,}",
                str(sum(one.kills.values())),
                f"{one.arrived:,}",
                str(one.doubts),
                *(str(one.broken(promise)) for promise in PROMISES),
                f"{one.seconds:.0f}",
            ]
        )
    return rows
