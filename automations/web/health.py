"""What orchestrators and Prometheus ask: is it alive, can it take work, how much is there.

The first two are answered in front of the pages: whoever asks them knows a machine, not our public name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import orjson
import structlog
from flask import Blueprint, Response, abort, request
from flask_login import current_user
from sqlalchemy import func
from sqlmodel import col, select

from automations.engine.presence import live
from automations.errors import AutomationError
from automations.model.connection import Connection
from automations.model.history import Event, Run
from automations.model.states import ProcessRole, RunStatus
from automations.web.auth import public
from automations.web.services import Services, services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ALIVE: Final = "/healthz"
READY: Final = "/readyz"

_OPEN: Final = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING, RunStatus.PARKED)
_log = structlog.get_logger("health")

blueprint = Blueprint("health", __name__)


class HealthGate:
    """Answers `/healthz` and `/readyz`, in words that tell nothing of the installation."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status, answer = (
                "405 Method Not Allowed",
                {"error": "method_not_allowed", "message": "Send a GET."},
            )
        elif environ["PATH_INFO"] == ALIVE:
            status, answer = "200 OK", {"status": "alive"}
        else:
            problem = self._problem()
            status = "503 Service Unavailable" if problem else "200 OK"
            answer = {"status": problem or "ready"}
        body = orjson.dumps(answer)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        headers.append(("Cache-Control", "no-store"))
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _problem(self) -> str:
        try:
            with self._services.database.read_plain() as connection:
                found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        except AutomationError:
            return "the database cannot be reached"
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is that no work can be taken
            _log.warning("health.not_ready", error=type(error).__name__)
            return "the database cannot be used"
        return "" if found == _newest_revision() else "the tables are of another version"


@cache
def _newest_revision() -> str:
    """Return the newest revision by its file's name: Alembic would read every migration to tell it."""
    names = sorted(path.name for path in (files("automations.model") / "migrations" / "versions").iterdir())
    return [name for name in names if name[:4].isdigit()][-1][:4]


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """Answer to programs on this machine and to people who are signed in; to nobody else."""
    if not (current_user.is_authenticated or _is_from_this_machine()):
        abort(404)
    return Response("\n".join(_lines()) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _is_from_this_machine() -> bool:
    """Tell whether no other machine can be behind this request; a proxy on this one names whom it speaks for."""
    forwarded = {"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} & {name for name, _ in request.headers}
    try:
        return not forwarded and ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _lines() -> Iterator[str]:
    with services().database.read() as session:
        newest = session.exec(select(func.max(Event.id))).one()
        open_runs = dict(
            session.exec(
                select(Run.status, func.count()).where(col(Run.status).in_(_OPEN)).group_by(col(Run.status))
            ).all()
        )
        oldest = session.exec(
            select(func.min(Event.received_at)).where(col(Event.decided_at).is_(None))
        ).one()
        connections = session.exec(
            select(Connection.state, func.count()).group_by(col(Connection.state))
        ).all()
    age_s = (services().clock.now() - oldest).total_seconds() if oldest else 0.0
    # Event ids only ever grow, so the newest is how many were stored; counting them would read them all.
    yield from _metric("automations_events_accepted_total", "counter", "Events stored.", {"": newest or 0})
    yield from _metric(
        "automations_events_undecided",
        "gauge",
        "Events stored, not decided.",
        {"": services().history.undecided()},
    )
    yield from _metric("automations_queue_age_seconds", "gauge", "Age of the oldest of them.", {"": age_s})
    yield from _metric(
        "automations_runs_open",
        "gauge",
        "Runs that have not ended, or need a person.",
        {f'{{status="{status}"}}': open_runs.get(status, 0) for status in _OPEN},
    )
    yield from _metric(
        "automations_connections",
        "gauge",
        "Connections by state.",
        {f'{{state="{state}"}}': count for state, count in connections},
    )
    yield from _process_lines()
    yield from _storage_lines()
    yield from _budget_lines()
    yield from _guard_lines()


def _process_lines() -> Iterator[str]:
    roles = [row.role for row in live(services().database, services().clock)]
    counted = {f'{{role="{role}"}}': roles.count(role) for role in ProcessRole}
    yield from _metric("automations_processes", "gauge", "Processes that live, on all machines.", counted)


def _storage_lines() -> Iterator[str]:
    """Tell what was found within the last hour; looking costs too much for every scrape."""
    usage = services().usage.last()
    if usage is None:
        return
    yield from _metric("automations_history_bytes", "gauge", "What history takes.", {"": usage.used_bytes})
    yield from _metric(
        "automations_history_budget_bytes", "gauge", "What it may take.", {"": usage.budget_bytes}
    )
    if usage.free_bytes is not None:
        yield from _metric(
            "automations_disk_free_bytes",
            "gauge",
            "Free on the disk of the database.",
            {"": usage.free_bytes},
        )


def _guard_lines() -> Iterator[str]:
    """Tell which connections do not answer, and how many recipes a guard holds back."""
    silent = {f'{{connection="{number}"}}': 1 for number in services().breakers.all()}
    yield from _metric("automations_connection_silent", "gauge", "Connections that do not answer.", silent)
    held = sum(stop.kind == "fuse" for stop in services().stops.open())
    yield from _metric("automations_recipes_held", "gauge", "Recipes held back by their fuse.", {"": held})


def _budget_lines() -> Iterator[str]:
    """Tell what is left of each budget; connections by number, as names are chosen by people."""
    found = {
        f'{{connection="{row.id}",pool="{one.pool.name}"}}': one
        for row in services().connections.all()
        for one in services().connections.budgets(row.id or 0)
    }
    left = {labels: one.left for labels, one in found.items()}
    most = {labels: one.most for labels, one in found.items()}
    yield from _metric("automations_budget_left", "gauge", "What is left of a budget of an account.", left)
    yield from _metric("automations_budget_limit", "gauge", "The whole of it.", most)


def _metric(name: str, kind: str, meaning: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        yield f"{name}{labels} {value:g}" if isinstance(value, float) else f"{name}{labels} {value}"
