"""What an answer, or its absence, means: one error class for each thing that someone can do about it.

Clients translate what their product means by a body; here only HTTP itself is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import orjson

from automations.errors import (
    AutomationError,
    CredentialsError,
    DeliveryError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)

Effect = Literal["read", "write"]
Excerpt = Callable[[str, int], str]

LONGEST_RETRY_AFTER_S: Final = 86_400.0

_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_BIG_NUMBER: Final = re.compile(r"[0-9]{19}")
_TELLING: Final = ("error", "message", "errors", "detail")
_PERMANENT_5XX: Final = frozenset({501, 505})
_ASKS_TO_WAIT: Final = frozenset({408, 425, 429})


class ReplyUnreadable(DeliveryError):
    """The reply's body is not the JSON that was expected; the same reply may read well another time."""


class UnreadableAfterRead(ReplyUnreadable, UnavailableError):
    """The answer to a read could not be understood; nothing was changed and it is tried again."""


class UnreadableAfterWrite(ReplyUnreadable, OutcomeUnknownError):
    """The answer to a write could not be understood, so what it did is not known."""


def unreadable(effect: Effect, host: str, fact: str) -> ReplyUnreadable:
    """Return the error for a reply that cannot be read. fact: the end of "its reply …"."""
    if effect == "write":
        return UnreadableAfterWrite(
            f"{host} answered, but its reply {fact}, so it is not known whether this was done."
            " Look there before sending it again."
        )
    return UnreadableAfterRead(f"{host} answered, but its reply {fact}. It is tried again.")


def failure_without_answer(effect: Effect, host: str, *, sent: bool, fact: str) -> DeliveryError:
    """Return the error for a call that got no whole answer.

    sent: bytes may have left. fact: why no connection came about; used when nothing was sent.
    """
    if not sent:
        return UnavailableError(f"{host} {fact or 'cannot be reached'}. Nothing was sent; it is tried again.")
    if effect == "write":
        return OutcomeUnknownError(
            f"{host} was sent the call, but gave no whole answer in time, so it is not known whether it was"
            " done. It is tried again only where that is safe."
        )
    return UnavailableError(f"{host} gave no whole answer in time. Nothing was changed; it is tried again.")


def failure_of_status(
    status: int,
    headers: Mapping[str, str],
    text: str,
    *,
    excerpt: Excerpt,
    effect: Effect,
    host: str,
    connection: str,
    now: datetime,
) -> AutomationError:
    """Return the error for a status outside 200–299.

    text: the body. excerpt: masks and then cuts. connection: whose owner must act on 401 and 403.
    now: aware, for dates in Retry-After.
    """
    said = what_it_said(text, excerpt)
    answered = f"{host} answered {status}" + (f": {said}" if said else "")
    retry_after_s = read_retry_after(headers.get("Retry-After"), now)
    if status in (401, 403):
        return CredentialsError(f"{answered}. Renew the credentials of the connection {connection!r}.")
    if 300 <= status < 400:
        where = _location_host(headers.get("Location", ""))
        return RejectedError(
            f"{host} answered {status} and points to {where}; redirects are not followed."
            " Put the final address into the connection or step.",
            code=str(status),
        )
    if status in _ASKS_TO_WAIT or status == 503 or (_is_passing(status) and effect == "read"):
        return UnavailableError(
            f"{answered}. Nothing was done; it is tried again.",
            retry_after_s=retry_after_s,
            # Retry-After speaks for the whole account, not for this one call.
            whole_connection=status == 429 or (status == 503 and retry_after_s is not None),
        )
    if _is_passing(status):
        return OutcomeUnknownError(
            f"{answered}. It is not known whether this was done; it is tried again only where that is safe.",
            retry_after_s=retry_after_s,
        )
    if status == 410:
        return RejectedError(
            f"{answered}. What the step addresses is gone for good; change the step or its target.",
            code="410",
        )
    return RejectedError(f"{answered}. Correct what the step sends, then replay the run.", code=str(status))


def _is_passing(status: int) -> bool:
    """Tell whether a status says nothing that stays so; what is no status at all says nothing either."""
    return not 200 <= status < 500 and status not in _PERMANENT_5XX


def _location_host(location: str) -> str:
    try:
        return urlsplit(location).hostname or "another page there"
    except ValueError:
        return "an address that cannot be read"


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds to wait, 0 to 86,400, from seconds or an HTTP date; None for anything else.

    Negative numbers, dates in the past and nonsense count as absent (RFC 9110, section 10.2.3).
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
        # A date without a zone is read as UTC, which RFC 9110 demands anyway.
        wait_s = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(wait_s, LONGEST_RETRY_AFTER_S) if wait_s >= 0 else None


def what_it_said(text: str, excerpt: Excerpt) -> str:
    """Return the reply's own words about what went wrong, on one line, at most 300 characters.

    From JSON, what stands under `error`, `message`, `errors` and `detail`; else the first 200 characters.
    excerpt: returns the beginning of a text, secrets masked: one that is cut in two is known to nobody any more.
    """
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _one_line(text, excerpt)[:200]
    found = _sayings(body, excerpt, depth=4) if isinstance(body, dict) else []
    return "; ".join(dict.fromkeys(found))[:300] or _one_line(text, excerpt)[:200]


def _sayings(value: Any, excerpt: Excerpt, depth: int) -> list[str]:
    if isinstance(value, str):
        return [_one_line(value, excerpt)] if value.strip() else []
    if isinstance(value, dict) and depth:
        telling = [value[key] for key in _TELLING if key in value]
        return [said for part in telling or value.values() for said in _sayings(part, excerpt, depth - 1)]
    if isinstance(value, list) and depth:
        return [said for part in value[:5] for said in _sayings(part, excerpt, depth - 1)]
    return []


def _one_line(text: str, excerpt: Excerpt) -> str:
    visible = "".join(character if character.isprintable() else " " for character in excerpt(text, 2000))
    return " ".join(visible.split())


def parse_json(text: str) -> Any:
    """Return the JSON value; whole numbers of any size stay exact, NaN and infinity are refused.

    Raises ValueError for anything else.
    """
    text = text.removeprefix("\ufeff")
    value = orjson.loads(text)
    if _BIG_NUMBER.search(text):
        # orjson rounds integers above 64 bits; it has just proven that the text is strict JSON.
        try:
            return json.loads(text)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
    return value
