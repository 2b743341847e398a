"""What calls cost, and the two limits: a rolling two-second burst and a daily token budget.

Costs: extension `x-token-cost` of the OpenAPI documents of 2026-08-18; header names: rate-limiting page (2026-09-17).
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from functools import lru_cache

WINDOW_S = 2.0
APP_FACTOR = 4

_COSTS: list[tuple[str, str, int]] = [
    ("GET", r"/api/v2/(\w+/search|itemSearch.*)", 20),
    ("GET", r"/api/v2/deals/archived", 20),
    ("GET", r"/api/v2/(pipelines|stages)", 5),
    ("GET", r"/api/v2/leads/[^/]+/convert/status/[^/]+", 1),
    ("GET", r"/api/v2/\w+/[^/]+", 1),
    ("GET", r"/api/v2/.*", 10),
    ("POST", r"/api/v2/.*/convert/.*", 40),
    ("DELETE", r"/api/v2/deals/[^/]+/products", 15),
    ("DELETE", r"/api/v2/.*", 3),
    (".*", r"/api/v2/.*", 5),
    ("PUT", r"/v1/\w+/[^/]+/merge", 40),
    ("GET", r"/v1/users/find", 40),
    ("GET", r"/v1/leads/search", 40),
    ("GET", r"/v1/leads/archived", 40),
    ("GET", r"/v1/(webhooks|leadLabels|deals/[^/]+/participants)", 10),
    ("GET", r"/v1/leadSources", 2),
    ("GET", r"/v1/\w+/[^/]+", 2),
    ("GET", r"/v1/.*", 20),
    ("DELETE", r"/v1/.*", 6),
    (".*", r"/v1/.*", 10),
]
_COMPILED = [(re.compile(method), re.compile(path), cost) for method, path, cost in _COSTS]
_SEARCH = re.compile(r"(/api/v2|/v1)/(\w+/search|itemSearch.*)")


@lru_cache(maxsize=4096)
def cost_of(method: str, path: str) -> int:
    """Tokens a call takes from the daily budget. path: with `/api/v2` or `/v1` (`/api/v1` counts the same)."""
    path = path.removeprefix("/api") if path.startswith("/api/v1") else path
    for methods, paths, cost in _COMPILED:
        if methods.fullmatch(method) and paths.fullmatch(path):
            return cost
    return 0


class Limits:
    """burst_limit, search_burst_limit: requests a rolling 2 s; None: no limit. daily_limit: tokens a day."""

    def __init__(self) -> None:
        self.burst_limit: int | None = None
        self.search_burst_limit: int | None = None
        self.daily_limit = 10_000_000
        self.used_today = 0
        self._recent: deque[float] = deque()
        self._recent_searches: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self, method: str, path: str, *, by_app: bool = False) -> tuple[bool, dict[str, str]]:
        """Whether this call may go on, and the headers its reply carries. by_app: it came with an OAuth token."""
        with self._lock:
            is_search = _SEARCH.fullmatch(path.removeprefix("/api") if "/v1/" in path else path) is not None
            limit, recent = self.burst_limit, self._recent
            if by_app and limit is not None:
                limit *= APP_FACTOR
            if is_search and self.search_burst_limit is not None:
                limit, recent = self.search_burst_limit, self._recent_searches
            allowed, headers = self._burst(limit, recent)
            cost = cost_of(method, path)
            if self.used_today + cost > self.daily_limit:
                allowed = False
            if allowed:
                self.used_today += cost
            left = 0 if self.used_today + 1 > self.daily_limit else self.daily_limit - self.used_today
            headers["x-daily-ratelimit-token-limit"] = str(self.daily_limit)
            headers["x-daily-ratelimit-token-remaining"] = str(left)
            return allowed, headers

    def _burst(self, limit: int | None, recent: deque[float]) -> tuple[bool, dict[str, str]]:
        if limit is None:
            return True, {}
        now = time.monotonic()
        while recent and recent[0] <= now - WINDOW_S:
            recent.popleft()
        allowed = len(recent) < limit
        if allowed:
            recent.append(now)
        reset_s = max(1, round(recent[0] + WINDOW_S - now)) if recent else 2
        return allowed, {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - len(recent))),
            "x-ratelimit-reset": str(reset_s),
        }
