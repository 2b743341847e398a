"""Where programs send events with a write key: common addresses such as `POST /v1/batch`, answered once on disk.

Like the other gate it stands in front of the pages. Which addresses there are, and what a request holds, is the
connectors' to say; here the key is found, in `Authorization` or in the body, and pages in browsers are let in only
from the origins that the key's connection names. Every refusal has a `code` and a `message`: some SDKs read both
without looking, and send again for ever when they miss one.
"""

from __future__ import annotations

import base64
import binascii
import random
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from automations.engine.contracts import InboundRequest
from automations.errors import InputError, StorageUnavailableError
from automations.web.inbound import InboundHeaders, RefusedError, body_of, status_line
from automations.web.services import Services
from automations.web.write_keys import Source, WriteKeys

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX: Final = "/v1/"
LARGEST_BODY: Final = 5 * 2**20

_Headers = list[tuple[str, str]]
_TAKEN: Final = orjson.dumps({"success": True})
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9, -]{1,500}\Z")
_ASK_AGAIN_AFTER_S: Final = "600"
_log = structlog.get_logger("intake")


class WriteKeyGate:
    """Answers everything under `/v1/`. Safe to call from many threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._keys = WriteKeys(services)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers: _Headers = []
        try:
            status, body = self._answer(environ, headers)
        except RefusedError as refused:
            status, body = refused.status, _error(refused.code, refused.message)
            headers += refused.headers
        except InputError as error:
            status, body = error.status, _error(error.code, error.message)
        except StorageUnavailableError as error:
            status, body = 503, _error("unavailable", error.message)
            headers.append(_come_again())
        except OSError as error:
            # Such as no file that may still be opened: a fact of the machine, which passes.
            _log.warning("intake.machine_trouble", error=type(error).__name__, number=error.errno)
            said = "This machine cannot take it just now. Send it again in some seconds."
            status, body = 503, _error("unavailable", said)
            headers.append(_come_again())
        except Exception as error:  # noqa: BLE001 - whatever arrived, the caller gets an answer and the log the rest
            _log.exception("intake.failed", error=type(error).__name__)
            status, body = 500, _error("internal", "Nothing was stored. Send it again later.")
        if body:
            headers.append(("Content-Type", "application/json"))
        start_response(status_line(status), [*headers, ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: WSGIEnvironment, headers: _Headers) -> tuple[int, bytes]:
        """Return status and body; `headers` gets what the answer carries, also when it turns out to be an error."""
        path = environ["PATH_INFO"].removesuffix("/")
        if path not in self._keys.paths:
            raise RefusedError(404, "not_found", "There is no such address.")
        if environ["REQUEST_METHOD"] == "OPTIONS":
            headers += self._preflight(environ)
            return 204, b""
        if environ["REQUEST_METHOD"] != "POST":
            raise RefusedError(
                405, "method_not_allowed", "Send a POST request.", (("Allow", "POST, OPTIONS"),)
            )
        source = self._keys.find(path, _user_of(environ.get("HTTP_AUTHORIZATION", "")))
        if source is not None:
            headers += _cross_origin(environ, source.origins)
        body = body_of(environ, LARGEST_BODY)
        if source is None:
            source = self._by_body(path, environ, body)
            headers += _cross_origin(environ, source.origins)
        request = InboundRequest(
            body=body,
            content_type=environ.get("CONTENT_TYPE", ""),
            headers=InboundHeaders(environ),
            path=path,
            received_at=self._services.clock.now(),
        )
        self._services.intake.accept(source.connection_id, source.kind.receive(request))
        return 200, _TAKEN

    # -- whose it is

    def _by_body(self, path: str, environ: WSGIEnvironment, body: bytes) -> Source:
        """Return the source whose key stands in the body. Raises RefusedError, also for a wrong key in the header."""
        given = _user_of(environ.get("HTTP_AUTHORIZATION", ""))
        source = None if given else self._keys.find(path, _key_in(body))
        if source is None:
            _log.warning("ingress.reject", reason="write_key", path=path)
            raise RefusedError(
                401,
                "invalid_write_key",
                "The write key is missing or wrong. Copy it from the connection's page.",
                (("WWW-Authenticate", 'Basic realm="write key", charset="UTF-8"'),),
            )
        return source

    # -- pages in browsers

    def _preflight(self, environ: WSGIEnvironment) -> _Headers:
        """Return what lets a browser send. It asks without a key, so any connection's origin will do."""
        allowed = _cross_origin(environ, self._keys.origins())
        if not any(name == "Access-Control-Allow-Origin" for name, _ in allowed):
            raise RefusedError(
                403,
                "origin_not_allowed",
                "No connection takes events of this web page.",
                (("Vary", "Origin"),),
            )
        wanted = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
        if _HEADER_NAMES.match(wanted):
            allowed.append(("Access-Control-Allow-Headers", wanted))
        return [
            *allowed,
            ("Access-Control-Allow-Methods", "POST"),
            ("Access-Control-Max-Age", _ASK_AGAIN_AFTER_S),
        ]


def _cross_origin(environ: WSGIEnvironment, allowed: frozenset[str]) -> _Headers:
    """Return the headers with which a browser shows the answer to the page that sent; none for other pages."""
    origin = environ.get("HTTP_ORIGIN", "")
    if not origin or not allowed:
        return []
    if origin.lower() in allowed or "*" in allowed:
        return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
    return [("Vary", "Origin")]


def _user_of(header: str) -> bytes:
    """Return the user name of a Basic header, with or without a colon after it; empty where there is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(encoded.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return b""


def _key_in(body: bytes) -> bytes:
    """Return the `writeKey` at the root of a JSON body; empty where there is none."""
    try:
        value: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        # Python's own writer puts NaN into what it calls JSON; the messages without one are still good.
        try:
            value = orjson.loads(re.sub(rb"\b(?:NaN|-?Infinity)\b", b"null", body))
        except orjson.JSONDecodeError:
            raise InputError("The body is not valid JSON.", code="bad_json") from None
    found = value.get("writeKey") if isinstance(value, dict) else None
    return found.encode("utf-8", "replace") if isinstance(found, str) else b""


def _come_again() -> tuple[str, str]:
    return ("Retry-After", str(random.randint(5, 15)))  # noqa: S311 - spreads callers, hides nothing


def _error(code: str, message: str) -> bytes:
    return orjson.dumps({"code": code, "message": message})
