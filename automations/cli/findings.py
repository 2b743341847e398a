"""What `automations doctor` looks at. Each check gives findings; none of them changes anything but the note of when a
connection was last tried.
"""

from __future__ import annotations

import ipaddress
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from automations.cli.finding import Finding
from automations.cli.guard_findings import guards
from automations.cli.output import size
from automations.cli.process_findings import processes
from automations.cli.sweep_findings import missed_events
from automations.errors import AutomationError

if TYPE_CHECKING:
    from automations.assembly import Assembly
    from automations.model.connection import Connection
    from automations.settings import Settings

OLD_EVENT = timedelta(minutes=1)
STUCK_EVENT = timedelta(minutes=15)
CLOCK_SLACK = timedelta(minutes=2)
DISK_LOW_BYTES = 10**9
DISK_FULL_BYTES = 10**8
# The clock of a machine without a battery starts long before this program was written.
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)

Check = Callable[["Assembly"], Iterator[Finding]]


def findings(assembly: Assembly, *, offline: bool) -> Iterator[Finding]:
    """Yield what every check found. offline: ask no other product."""
    checks: list[tuple[str, Check]] = [
        ("database", database),
        ("keys", keys),
        ("clock", clock),
        ("public address", public_address),
        ("connectors", connectors),
        ("connections", lambda found: connections(found, offline=offline)),
        ("webhooks", lambda found: webhooks(found, offline=offline)),
        ("missed events", missed_events),
        ("queue", queue),
        ("processes", processes),
        ("parked work", parked),
        ("guards", guards),
        ("disk", disk),
    ]
    for name, check in checks:
        try:
            yield from check(assembly)
        except AutomationError as error:
            yield Finding(name, "failed", error.message)


def database(assembly: Assembly) -> Iterator[Finding]:
    place = assembly.database.engine.url.render_as_string(hide_password=True)
    with assembly.database.connect_for_read() as connection:
        if not assembly.database.on_sqlite:
            version = connection.exec_driver_sql("SHOW server_version").scalar_one()
            yield Finding("database", "ok", f"PostgreSQL {version} at {place}")
            return
        version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
        answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if answer == "ok":
        yield Finding("database", "ok", f"SQLite {version}, sound, at {place}")
        return
    yield Finding(
        "database",
        "failed",
        f"SQLite {version} at {place} is damaged: {answer}",
        "Stop the app, keep the file aside, and put the newest backup in its place.",
    )


def keys(assembly: Assembly) -> Iterator[Finding]:
    """Every stored secret opens: `Sealer.open` raises where none of the keys fits."""
    sealed = 0
    for row in assembly.connections.all():
        if row.sealed:
            try:
                assembly.sealer.open(row.name, row.sealed)
                sealed += 1
            except AutomationError as error:
                yield Finding("keys", "failed", error.message)
    yield Finding("keys", "ok", f"the secrets of {sealed} connections open")
    path = assembly.settings.instance / "secret.keys"
    if path.exists() and path.stat().st_mode & 0o077:
        advice = f"chmod 600 {path}"
        yield Finding("keys", "warning", f"other users of this machine can read {path}", advice)


def clock(assembly: Assembly) -> Iterator[Finding]:
    from sqlalchemy import func
    from sqlmodel import select

    from automations.model.history import Event

    now = assembly.clock.now()
    advice = "Set the clock and keep it by NTP: retries and order rest on it."
    if now < WRITTEN:
        yield Finding("clock", "failed", f"it says {now:%Y-%m-%d}", advice)
        return
    with assembly.database.read() as session:
        newest = session.exec(select(func.max(Event.received_at))).one()
    if newest is not None and newest > now + CLOCK_SLACK:
        yield Finding(
            "clock",
            "failed",
            f"it says {now:%Y-%m-%d %H:%M}, before the newest event at {newest:%H:%M}",
            advice,
        )
        return
    yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def public_address(assembly: Assembly) -> Iterator[Finding]:
    yield judged_address(assembly.settings)


def judged_address(settings: Settings) -> Finding:
    """Return what is to be said of the public address: whether other products can reach it, and safely."""
    address = urlsplit(settings.public_url)
    host = address.hostname or ""
    advice = "Set AUTOMATIONS_PUBLIC_URL to the https address under which the outside reaches this app."
    if address.scheme not in ("http", "https") or not host:
        return Finding("public address", "failed", f"{settings.public_url!r} is no address", advice)
    if _is_inside(host):
        fact = f"{settings.public_url} is reached from this machine or network only, so no webhook arrives"
        return Finding("public address", "warning", fact, advice)
    if address.scheme == "http":
        fact = f"{settings.public_url} is not encrypted, so passwords of webhooks travel in clear"
        return Finding("public address", "warning", fact, advice)
    return Finding("public address", "ok", settings.public_url)


def _is_inside(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host


def connectors(assembly: Assembly) -> Iterator[Finding]:
    for problem in assembly.registry.problems:
        yield Finding("connectors", "warning", problem.message)
    yield Finding("connectors", "ok", ", ".join(sorted(assembly.registry.kinds)))


def connections(assembly: Assembly, *, offline: bool) -> Iterator[Finding]:
    rows = assembly.connections.all()
    if not rows:
        yield Finding("connections", "ok", "there is none yet")
    for row in rows:
        yield _connection(assembly, row, offline=offline)
        if row.refused_hooks:
            yield Finding(
                "connections",
                "warning",
                f"{row.name}: {row.refused_hooks} calls of its address had wrong credentials, the last at "
                f"{row.refused_hook_at:%Y-%m-%d %H:%M}",
                f"If they are yours: automations subscription sync {row.name!r}",
            )


def _connection(assembly: Assembly, row: Connection, *, offline: bool) -> Finding:
    advice = f"automations connection test {row.name!r}"
    try:
        if offline:
            assembly.connections.open(row.id or 0)
            if row.state != "ok":
                return Finding(
                    "connections", "failed", f"{row.name} is {row.state}: {row.state_reason}", advice
                )
            return Finding("connections", "ok", f"{row.name}: nothing known against it")
        report = assembly.connections.test(row.name)
    except AutomationError as error:
        return Finding("connections", "failed", f"{row.name}: {error.message}", advice)
    return Finding("connections", "ok", f"{row.name}: {report.summary}")


def webhooks(assembly: Assembly, *, offline: bool) -> Iterator[Finding]:
    """Compare what the recipes that are on need with what the other product has, and with what we noted."""
    kept: dict[str, set[str]] = {}
    for subscription, name in assembly.subscriptions.all():
        kept.setdefault(name, set()).add(subscription.topic)
    for row in assembly.connections.all():
        kind = assembly.registry.kinds.get(row.kind)
        if kind is None or not kind.manages_hooks:
            continue
        wanted = kind.hook_topics(assembly.subscriptions.topics_on(row.id or 0))
        there = kept.get(row.name, set())
        if wanted and not offline:
            try:
                address = assembly.subscriptions.address(row)
                hooks = kind.list_hooks(assembly.connections.client(row.id or 0), address)
            except AutomationError as error:
                yield Finding("webhooks", "failed", f"{row.name}: {error.message}")
                continue
            there = {hook.topic for hook in hooks if hook.ours and hook.active}
        yield _judged_hooks(row.name, wanted, there)


def _judged_hooks(name: str, wanted: frozenset[str], there: set[str]) -> Finding:
    missing, left_over = sorted(wanted - there), sorted(there - wanted)
    advice = f"automations subscription sync {name!r}"
    if missing:
        return Finding("webhooks", "failed", f"{name}: missing for {', '.join(missing)}", advice)
    if left_over:
        return Finding(
            "webhooks", "warning", f"{name}: nobody needs those for {', '.join(left_over)}", advice
        )
    return Finding("webhooks", "ok", f"{name}: {', '.join(sorted(wanted)) or 'none needed'}")


def queue(assembly: Assembly) -> Iterator[Finding]:
    from sqlalchemy import func
    from sqlmodel import col, select

    from automations.model.history import Event

    with assembly.database.read() as session:
        waiting, oldest = session.exec(
            select(func.count(), func.min(Event.received_at)).where(col(Event.decided_at).is_(None))
        ).one()
    if not waiting:
        yield Finding("queue", "ok", "no event waits")
        return
    age = assembly.clock.now() - oldest
    state = "failed" if age > STUCK_EVENT else "warning" if age > OLD_EVENT else "ok"
    fact = f"{waiting} events wait to be decided, the oldest for {int(age.total_seconds())} s"
    advice = (
        "" if state == "ok" else "Is a worker running? Start one: automations serve (or automations worker)."
    )
    yield Finding("queue", state, fact, advice)


def parked(assembly: Assembly) -> Iterator[Finding]:
    count = assembly.history.parked()
    if count:
        yield Finding(
            "parked work", "warning", f"{count} runs need a person", "automations run list --status parked"
        )
    else:
        yield Finding("parked work", "ok", "no run needs a person")


def disk(assembly: Assembly) -> Iterator[Finding]:
    settings = assembly.settings
    free = shutil.disk_usage(settings.instance).free
    advice = "Make room: when the disk is nearly full, no webhook is accepted."
    state = "ok" if assembly.disk.has_room() and free >= DISK_LOW_BYTES else "warning"
    if not assembly.disk.has_room() or free < DISK_FULL_BYTES:
        state = "failed"
    yield Finding("disk", state, f"{size(free)} free at {settings.instance}", "" if state == "ok" else advice)
    used = assembly.disk.used_bytes()
    over = used > settings.disk_budget_bytes
    yield Finding(
        "disk",
        "warning" if over else "ok",
        f"history takes {size(used)} of {settings.disk_budget}",
        "automations retention run; where that is not enough, deal with parked runs or raise "
        "AUTOMATIONS_DISK_BUDGET."
        if over
        else "",
    )
    if not assembly.disk.gives_back():
        yield Finding(
            "disk",
            "warning",
            "the database file was made by an older version and cannot give room back",
            "In a quiet hour: automations retention run --compact",
        )
