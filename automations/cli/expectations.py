"""What a recipe file's tests expect, compared with what a test-run gave.

`expect` holds `outcome` (`ok`, `filtered`, `error`) and `requests`: each is a part that one of the real requests
must contain, in any order. A request may give `method`, `url` or `path` (the whole address, or the end of its
path), and parts of `headers` and `body`. An empty list of requests says that nothing is written anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from automations.engine.registry import nearest

_EXPECT = ("outcome", "requests")
_OUTCOMES = ("ok", "filtered", "error")
_REQUEST = ("method", "url", "path", "headers", "body")
_READING = ("GET", "HEAD")


def differences(expect: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """Return how a test-run's answer differs from what was expected, one sentence each; empty when it fits."""
    found = _unknown_keys(expect, _EXPECT, "expect")
    wanted = expect.get("outcome", "ok")
    if wanted not in _OUTCOMES:
        found.append(f"expect.outcome is {wanted!r}; it can be {', '.join(_OUTCOMES)}.")
    elif answer["outcome"] != wanted:
        why = "; ".join(map(str, answer.get("why") or ())) or _first_error(answer)
        found.append(f"The outcome is {answer['outcome']}, expected {wanted}" + (f": {why}" if why else "."))
    if "requests" not in expect:
        return found
    requests = [request for step in answer["steps"] for request in step["requests"]]
    if not isinstance(expect["requests"], list):
        return [*found, "expect.requests is a list, one entry a request."]
    if not expect["requests"]:
        written = [request for request in requests if request["method"] not in _READING]
        return found + [f"{r['method']} {r['url']} was not expected." for r in written]
    return found + _requests(expect["requests"], requests)


def _first_error(answer: Mapping[str, Any]) -> str:
    return next((str(step["error"]["message"]) for step in answer["steps"] if step["error"]), "")


def _unknown_keys(given: Mapping[str, Any], known: Sequence[str], place: str) -> list[str]:
    found = []
    for key in given:
        if key not in known:
            near = nearest(str(key), known)
            found.append(f"{place} has no key {key!r}." + (f" Did you mean {near!r}?" if near else ""))
    return found


def _requests(expected: Sequence[Any], requests: Sequence[Mapping[str, Any]]) -> list[str]:
    found: list[str] = []
    left = list(requests)
    for index, part in enumerate(expected):
        place = f"expect.requests[{index}]"
        if not isinstance(part, Mapping):
            found.append(f"{place} is an object such as {{method: POST, body: …}}.")
            continue
        found += _unknown_keys(part, _REQUEST, place)
        judged = [(_request(part, request, f"requests[{index}]"), request) for request in left]
        if not judged:
            found.append(f"{place}: no {'other ' if requests else ''}request is made.")
            continue
        # The nearest one is told about: its differences are those that the author wants to see.
        best, request = min(judged, key=lambda one: len(one[0]))
        if best:
            found += best
        left.remove(request)
    return found


def _request(part: Mapping[str, Any], request: Mapping[str, Any], place: str) -> list[str]:
    found: list[str] = []
    method = str(part.get("method", request["method"])).upper()
    if method != request["method"]:
        found.append(f"{place}.method is {request['method']}, expected {method}.")
    for name in ("url", "path"):
        if name in part and not _leads_there(str(part[name]), str(request["url"])):
            found.append(f"{place}.url is {request['url']}, expected {part[name]}.")
    headers = {str(name).lower(): value for name, value in (request.get("headers") or {}).items()}
    for name, value in (part.get("headers") or {}).items():
        found += _part(value, headers.get(str(name).lower()), f"{place}.headers.{name}")
    if "body" in part:
        found += _part(part["body"], request.get("body"), f"{place}.body")
    return found


def _leads_there(wanted: str, url: str) -> bool:
    return url == wanted or urlsplit(url).path.endswith(wanted) or url.endswith(wanted)


def _part(wanted: Any, real: Any, place: str) -> list[str]:
    """Return where `wanted` is not contained in `real`; lists are compared entry by entry."""
    if isinstance(wanted, Mapping):
        if not isinstance(real, Mapping):
            return [f"{place} is {_shown(real)}, expected an object."]
        absent = [
            f"{place}.{key} is absent, expected {_shown(wanted[key])}." for key in wanted if key not in real
        ]
        present = [key for key in wanted if key in real]
        return absent + [line for key in present for line in _part(wanted[key], real[key], f"{place}.{key}")]
    if isinstance(wanted, list):
        if not isinstance(real, list) or len(real) != len(wanted):
            return [f"{place} is {_shown(real)}, expected {len(wanted)} entries: {_shown(wanted)}."]
        pairs = enumerate(zip(wanted, real, strict=True))
        return [line for index, (one, other) in pairs for line in _part(one, other, f"{place}[{index}]")]
    same = wanted == real and isinstance(wanted, bool) == isinstance(real, bool)
    return [] if same else [f"{place} is {_shown(real)}, expected {_shown(wanted)}."]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
