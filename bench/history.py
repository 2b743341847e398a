"""Pages and API at a million runs: how long each takes to answer, at the 95th percentile."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress

import requests

from automations.model.states import Role
from bench.figures import Figure
from bench.installation import BATCHED, SINGLE
from bench.many_runs import multiply
from bench.processes import BenchError
from bench.sending import WAIT_S
from bench.setting import Setting

_BLOCK = 1_000
_RUNS = 1_000_000
_DAYS = 40
_TIMES = 40
_MOST_MS = 100.0
_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
# Few runs of a healthy installation end otherwise, and those are looked for.
_PARKED = "UPDATE run SET status='parked', reason='call: the record is not wanted', reason_kind='rejected' "
_FILTERED = "UPDATE run SET status='filtered', reason='deal.value is 5, wanted: more than 100' "


def measure_on_sqlite(setting: Setting) -> list[Figure]:
    return _measured(setting, "sqlite", "SQLite")


def measure_on_postgres(setting: Setting) -> list[Figure]:
    with setting.on_postgres() as elsewhere:
        return _measured(elsewhere, "postgres", "PostgreSQL")


def _measured(setting: Setting, key: str, words: str) -> list[Figure]:
    runs = 20_000 if setting.quick else _RUNS
    began_s = time.monotonic()
    password = secrets.token_urlsafe(16)
    paths = _fill(setting, runs, password)
    filled_s = time.monotonic() - began_s
    figures = [Figure(f"history_{key}_fill_s", f"{words}: a history of {runs:,} runs, made", "s", [filled_s])]
    with setting.installation.serve("web") as (_, port), requests.Session() as visitor:
        _sign_in(visitor, port, password)
        for name, path in paths.items():
            times = _asked(visitor, f"http://127.0.0.1:{port}{path}")
            if times:
                p95 = times[int(len(times) * 0.95)]
                title = f"{words}, {runs:,} runs: {name}, 95th percentile"
                figures.append(Figure(f"history_{key}_{_key(name)}_ms", title, "ms", [p95], at_most=_MOST_MS))
    return figures


def _fill(setting: Setting, runs: int, password: str) -> dict[str, str]:
    """Make the history and a person; return what is asked for, by name."""
    home = setting.installation
    for way in (BATCHED, SINGLE):
        home.fill(way, _BLOCK // 2, _BLOCK // 4)
    setting.sink.seen(reset=True)
    with home.worker():
        setting.sink.wait_for(_BLOCK, WAIT_S)
        # The last replies are written a moment after they were given.
        time.sleep(1.0)
    with home.opened() as assembly:
        with assembly.database.connect_for_write() as connection:
            connection.exec_driver_sql(f"{_PARKED} WHERE id-id/100*100=17")
            connection.exec_driver_sql(f"{_FILTERED} WHERE id-id/25*25=3")
        multiply(assembly.database, runs // _BLOCK, _DAYS * 86_400_000_000 * _BLOCK // runs)
        assembly.people.add("bench@example.com", password, Role.ADMIN)
        newest = assembly.history.runs(limit=1)[0].run
        middle = (newest.id or 0) // 2
        event = assembly.history.run(middle).event
    return {
        "the list": "/runs",
        "the list, parked ones": "/runs?status=parked",
        "the list, one status and recipe of the last day": f"/runs?status=filtered&recipe={SINGLE}&since=day",
        "the list from the middle on": f"/runs?before={middle}",
        "the list, one record": f"/runs?search=deal:{middle % 100_000}",
        "the list, a number looked for": f"/runs?search={middle}",
        "the list, a word looked for": "/runs?search=floor+17",
        "the list, a word that is nowhere": "/runs?search=unheard-of",
        "one run": f"/runs/{middle}",
        "why it ran": f"/events/{event.id}",
        "the events": "/events",
        "the events of one record": f"/events?record={event.record_key}",
        "the home page": "/",
        "the recipes": "/recipes",
        "the metrics": "/metrics",
        "API list": "/api/v1/runs",
        "API list, parked ones": "/api/v1/runs?status=parked",
        "API one run": f"/api/v1/runs/{middle}",
    }


def _sign_in(visitor: requests.Session, port: int, password: str) -> None:
    address = f"http://127.0.0.1:{port}/sign-in"
    found = _CSRF.search(visitor.get(address, timeout=10).text)
    form = {"email": "bench@example.com", "password": password, "csrf_token": found[1] if found else ""}
    answer = visitor.post(address, data=form, allow_redirects=False, timeout=10)
    if answer.status_code != 302:
        raise BenchError(f"signing in was answered {answer.status_code}")


def _asked(visitor: requests.Session, address: str) -> list[float]:
    """Return how long each answer took in ms, shortest first; empty where there is nothing at this address."""
    times: list[float] = []
    ends_s = time.monotonic() + 15
    while len(times) < _TIMES and (len(times) < 3 or time.monotonic() < ends_s):
        start_s = time.perf_counter()
        with suppress(requests.Timeout):
            answer = visitor.get(address, allow_redirects=False, timeout=30)
            if answer.status_code in (401, 404):
                return []
            if answer.status_code != 200:
                raise BenchError(f"{address} was answered {answer.status_code}")
        times.append((time.perf_counter() - start_s) * 1000)
    return sorted(times)


def _key(name: str) -> str:
    return re.sub(r"\W+", "_", name.removeprefix("the ")).lower()


MEASURES: dict[str, Callable[[Setting], list[Figure]]] = {
    "history": measure_on_sqlite,
    "history-postgres": measure_on_postgres,
}
