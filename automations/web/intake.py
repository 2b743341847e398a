"""Where other programs' requests come in: `POST /hooks/…/<token>`, answered once the event is on disk.

This is a WSGI callable in front of the pages, not a view. Here every microsecond counts, and nothing of a page is
wanted: no session, no cookie, no form token. What a caller did wrong is found in one order: token, method,
credentials, size, encoding, then whatever the connection's kind says of type and content.
"""

from __future__ import annotations

import hmac
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
import structlog
from sqlmodel import col, select

from automations.engine.contracts import Arrival, ConnectionKind, InboundRequest
from automations.engine.waiting import Accepted, Outcome
from automations.errors import AutomationError, InputError, StorageUnavailableError
from automations.model.connection import Connection
from automations.web.inbound import InboundHeaders, RefusedError, basic_of, body_of, status_line
from automations.web.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX: Final = "/hooks/"
LARGEST_BODY: Final = 2**20
REMEMBERED_FOR_S: Final = 2.0
LOOK_AGAIN_AFTER_S: Final = 0.2

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,200}")
_JSON: Final = ("Content-Type", "application/json")
_log = structlog.get_logger("intake")

_Headers = list[tuple[str, str]]
#: Sends an answer: status, headers, body. It does not matter which thread calls it, nor when.
Respond = Callable[[int, _Headers, bytes], None]


@dataclass(frozen=True)
class Address:
    """One inbound address as it is now. user, passwords: what Basic must hold, where the kind needs it."""

    connection_id: int
    kind: ConnectionKind
    user: bytes
    passwords: tuple[bytes, ...]
    read_at_s: float


class IntakeGate:
    """Answers everything under `/hooks/`. Safe to call from many threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._addresses: dict[str, Address] = {}

    def make_ready(self) -> None:
        """Make what the first webhook would make: it opens files, and of those there may be none left by then."""
        try:
            _ = self._services.intake
        except Exception as error:  # noqa: BLE001 - the next webhook tries again, and its sender hears of it
            _log.warning("intake.not_ready", error=type(error).__name__)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as WSGI has it, which keeps this thread until the event is on disk."""
        try:
            connection_id, arrivals = self._taken(environ)
            status, headers, body = _welcome(self._services.intake.accept(connection_id, arrivals))
        except Exception as error:  # noqa: BLE001 - whatever arrived, the caller gets an answer
            status, headers, body = _refusal(error)
        # A copy: whoever gets it may change it, and the answers to what was taken are shared.
        start_response(status_line(status), list(headers))
        return [body]

    def answer_later(self, environ: WSGIEnvironment, respond: Respond) -> None:
        """See to it that `respond` is called once: at once for what is refused, else when the event is on disk."""

        def then(outcome: Outcome) -> None:
            respond(*(_welcome(outcome) if isinstance(outcome, list) else _refusal(outcome)))

        try:
            connection_id, arrivals = self._taken(environ)
            if arrivals:
                self._services.intake.accept_later(connection_id, arrivals, then)
                return
        except Exception as error:  # noqa: BLE001 - whatever arrived, the caller gets an answer
            then(error)
            return
        then([])

    def _taken(self, environ: WSGIEnvironment) -> tuple[int, Sequence[Arrival]]:
        """Return whose connection this is for, and what arrived. Raises InputError for what is refused."""
        address = self._address(environ["PATH_INFO"])
        if environ["REQUEST_METHOD"] != "POST":
            raise RefusedError(405, "method_not_allowed", "Send a POST request.", (("Allow", "POST"),))
        basic = basic_of(environ.get("HTTP_AUTHORIZATION", ""))
        if address.kind.hook_needs_basic and not _is_right(address, basic):
            self._check_credentials(self._as_it_is_now(environ["PATH_INFO"], address), basic)
        body = body_of(environ, LARGEST_BODY)
        return address.connection_id, address.kind.receive(
            InboundRequest(
                body=body,
                content_type=environ.get("CONTENT_TYPE", ""),
                headers=InboundHeaders(environ),
                basic=_as_text(basic),
                path=environ["PATH_INFO"],
            )
        )

    # -- whose address it is

    def _address(self, path: str) -> Address:
        """Return the address with this path. Raises RefusedError, the same for every path that is none."""
        start, _, token = path.rpartition("/")
        known = self._addresses.get(token)
        if known is None or self._services.clock.monotonic_s() - known.read_at_s > REMEMBERED_FOR_S:
            known = self._look_up(token)
        if known is None or known.kind.hook_path != start + "/":
            raise RefusedError(404, "not_found", "There is no such address.")
        return known

    def _look_up(self, token: str) -> Address | None:
        self._addresses.pop(token, None)
        if not _TOKEN.fullmatch(token):
            return None
        with self._services.database.read() as session:
            found = session.exec(select(Connection.id).where(col(Connection.hook_token) == token)).first()
        if found is None:
            return None
        opened = self._services.connections.open(found)
        address = Address(
            found,
            opened.kind,
            opened.hook_user.encode(),
            tuple(one.encode() for one in opened.hook_passwords(self._services.clock.now())),
            self._services.clock.monotonic_s(),
        )
        self._addresses[token] = address
        return address

    # -- whether the caller may

    def _as_it_is_now(self, path: str, known: Address) -> Address:
        """Look again: the password may have been rotated by another process a moment ago."""
        if self._services.clock.monotonic_s() - known.read_at_s < LOOK_AGAIN_AFTER_S:
            return known
        self._services.connections.open_anew(known.connection_id)
        return self._look_up(path.rpartition("/")[2]) or known

    def _check_credentials(self, address: Address, basic: tuple[bytes, bytes] | None) -> None:
        """Raise RefusedError unless user and password are right."""
        if _is_right(address, basic):
            return
        _log.warning("ingress.reject", reason="credentials", connection=address.connection_id)
        try:
            self._services.connections.hook_refused(address.connection_id)
        except AutomationError:
            _log.warning("ingress.reject_not_noted", connection=address.connection_id)
        raise RefusedError(
            401,
            "wrong_credentials",
            "The user or the password is wrong.",
            (("WWW-Authenticate", 'Basic realm="hooks", charset="UTF-8"'),),
        )


def _is_right(address: Address, basic: tuple[bytes, bytes] | None) -> bool:
    """Tell whether user and password are right; both are compared whatever came."""
    user, password = basic or (b"", b"")
    right_user = hmac.compare_digest(user, address.user)
    right_password = sum(hmac.compare_digest(password, one) for one in address.passwords) > 0
    return bool(user and password) and right_user and right_password


def _as_text(basic: tuple[bytes, bytes] | None) -> tuple[str, str] | None:
    return (basic[0].decode("utf-8", "replace"), basic[1].decode("utf-8", "replace")) if basic else None


def _welcome(accepted: Sequence[Accepted]) -> tuple[int, _Headers, bytes]:
    return _TAKEN_BEFORE if accepted and all(one.duplicate for one in accepted) else _TAKEN


def _refusal(error: BaseException) -> tuple[int, _Headers, bytes]:
    """Return the answer to a request that was refused or failed; what is not the caller's fault is logged."""
    if isinstance(error, RefusedError):
        return _answer(error.status, _error(error.code, error.message), *error.headers)
    if isinstance(error, InputError):
        return _answer(error.status, _error(error.code, error.message))
    if isinstance(error, StorageUnavailableError):
        return _answer(503, _error("unavailable", error.message), _come_again())
    if isinstance(error, OSError):
        # Such as no file that may still be opened: a fact of the machine, which passes.
        _log.warning("intake.machine_trouble", error=type(error).__name__, number=error.errno)
        said = "This machine cannot take the event just now. Send it again in some seconds."
        return _answer(503, _error("unavailable", said), _come_again())
    _log.error("intake.failed", error=type(error).__name__, exc_info=error)
    return _answer(500, _error("internal", "The event was not stored. Send it again later."))


def _answer(status: int, body: bytes, *headers: tuple[str, str]) -> tuple[int, _Headers, bytes]:
    return status, [_JSON, ("Content-Length", str(len(body))), *headers], body


_TAKEN: Final = _answer(200, orjson.dumps({"success": True}))
_TAKEN_BEFORE: Final = _answer(200, orjson.dumps({"success": True, "duplicate": True}))


def _come_again() -> tuple[str, str]:
    return "Retry-After", str(random.randint(5, 15))  # noqa: S311 - spreads callers, hides nothing


def _error(code: str, message: str) -> bytes:
    return orjson.dumps({"error": code, "message": message})
