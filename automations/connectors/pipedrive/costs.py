"""What a call costs, and the budgets it is paid from.

Every company has tokens for a day; every token or app has calls for two seconds, told in each answer; searches
have ten for two seconds whatever the plan.

Source: Pipedrive "Rate limiting" and `x-token-cost` of the OpenAPI documents of 2026-08-18, read 2026-11-22. When
the day ends is not documented; midnight UTC is what its clients assume.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from automations.engine.contracts import DirectoryLike, Pool

DAILY = Pool("daily", "Daily budget", 86_400.0, rolling=False)
BURST = Pool("burst", "Calls in two seconds", 2.0)
SEARCH = Pool("search", "Searches in two seconds", 2.0, limit=10)
POOLS = (DAILY, BURST, SEARCH)

_ONE = r"[^/]+"
_SINGLE_V1 = (
    "callLogs|dealFields|files|filters|leads|legacyTeams|notes|organizationFields|organizationRelationships|"
    "permissionSets|personFields|productFields|projects|projectTemplates|roles|tasks|users"
)
# The first that fits counts: method, path below the version, tokens.
_V2 = (
    ("GET", rf"{_ONE}/search|itemSearch(/field)?|deals/archived", 20),
    ("GET", rf"stages|pipelines|projects/{_ONE}/permittedUsers", 5),
    ("GET", rf"(boards|phases)/{_ONE}|deals/(products|installments)|projects/archived", 10),
    ("GET", rf"{_ONE}/{_ONE}|{_ONE}/{_ONE}/(picture|convert/status/{_ONE})", 1),
    ("GET", r".*", 10),
    ("POST", rf"{_ONE}/{_ONE}/convert/{_ONE}", 40),
    ("POST", rf"deals/{_ONE}/products/bulk", 25),
    ("POST|PUT", rf"products/{_ONE}/images(/{_ONE})?", 20),
    ("POST", rf"projects/{_ONE}/archive", 3),
    ("DELETE", rf"deals/{_ONE}/products", 15),
    ("DELETE", rf"products/{_ONE}/images(/{_ONE})?", 6),
    ("DELETE", r".*", 3),
    (r".*", r".*", 5),
)
_V1 = (
    ("GET", r"deals/summary/archived", 80),
    ("GET", rf"deals/(summary|archived|timeline/archived)|{_ONE}/{_ONE}/flow", 40),
    ("GET", rf"leads/(archived|search)|users/find|pipelines/{_ONE}/{_ONE}_statistics", 40),
    ("GET", rf"{_ONE}/{_ONE}/(permittedUsers|participants|participantsChangelog|permissions)", 10),
    ("GET", rf"leadLabels|webhooks|roles/{_ONE}/assignments|users/{_ONE}/role(Assignments|Settings)", 10),
    ("GET", r"filters/helpers|projects/(boards|phases)", 20),
    ("GET", rf"({_SINGLE_V1})/{_ONE}|leadSources|userSettings|notes/{_ONE}/comments/{_ONE}", 2),
    ("GET", rf"mailbox/mailMessages/{_ONE}|projects/(boards|phases)/{_ONE}", 2),
    ("GET", r".*", 20),
    ("PUT", rf"{_ONE}/{_ONE}/merge", 40),
    ("DELETE", rf"{_ONE}|legacyTeams/{_ONE}/users", 10),
    ("DELETE", r".*", 6),
    (r".*", r".*", 10),
)
_COSTS = {
    version: [(re.compile(methods), re.compile(paths), cost) for methods, paths, cost in table]
    for version, table in (("v1", _V1), ("v2", _V2))
}
_VERSIONED = re.compile(r"(?:/api)?/(v[12])/(.*)")
_SEARCH = re.compile(rf"{_ONE}/search|itemSearch(/field)?|users/find")


@lru_cache(maxsize=2048)
def cost_of(method: str, path: str) -> int:
    """Return the tokens that a call takes from the day. path: `/api/v2/…` or `/api/v1/…`, no query."""
    version, rest = _parts(path)
    for methods, paths, cost in _COSTS.get(version, ()):
        if methods.fullmatch(method) and paths.fullmatch(rest):
            return cost
    return 0


@lru_cache(maxsize=2048)
def is_search(path: str) -> bool:
    """Tell whether the narrow limit of searches counts for this address."""
    return _SEARCH.fullmatch(_parts(path)[1]) is not None


def _parts(path: str) -> tuple[str, str]:
    found = _VERSIONED.fullmatch(path.rstrip("/"))
    return (found[1], found[2]) if found else ("", "")


def wait_for(method: str, path: str, directory: DirectoryLike) -> tuple[float, Pool]:
    """Pay for a call; return the seconds to wait instead, and the pool that is empty. 0: it is paid for."""
    charges = [(SEARCH, 1)] if is_search(path) else [(BURST, 1)]
    for pool, cost in [*charges, (DAILY, cost_of(method, path))]:
        wait_s = directory.spend(pool, cost)
        if wait_s > 0:
            return wait_s, pool
    return 0.0, DAILY


def note_limits(path: str, headers: Mapping[str, str], directory: DirectoryLike) -> None:
    """Take down the limits that an answer tells. Those of a search are the search's own, which are known."""
    burst = _whole(headers, "x-ratelimit-limit")
    if burst and not is_search(path):
        directory.observe(BURST, burst)
    most = _whole(headers, "x-daily-ratelimit-token-limit")
    left = _whole(headers, "x-daily-ratelimit-token-remaining")
    if most and left is not None:
        directory.observe(DAILY, most, max(0, min(left, most)))


def _whole(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isdecimal() and len(text) < 19 else None
