"""Call any HTTP service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from automations.connectors.generic_http.addresses import fault_of_address
from automations.connectors.generic_http.bodies import as_text, flat, reply_as_values, written
from automations.connectors.generic_http.client import READS, HttpClient
from automations.connectors.generic_http.connection import HttpConnection
from automations.connectors.generic_http.settings import HttpSettings
from automations.connectors.outgoing import may_be_set
from automations.engine.contracts import Action, ActionFields, Call, DirectoryLike, JsonObject, Outcome, field
from automations.engine.contracts.imprints import HOP_HEADER
from automations.engine.templating import MISSING, compile_expression, render
from automations.errors import FieldsError, MappingError, RejectedError

# What the author's own rule may call a success. Limits, refused credentials and server errors stay what they are.
_FOR_THE_AUTHOR = frozenset(range(400, 500)) - {401, 403, 408, 425, 429}
_SAFE_TO_REPEAT = READS | {"PUT", "DELETE"}


class Request(Action):
    """Make one HTTP call. Credentials come from the connection.

    A 2xx answer is a success, unless *Success if* says otherwise. Redirects are not followed. The answer is in
    `steps.<name>.status`, `.headers`, `.json` and, where it is no JSON, `.text`.

    The header `Idempotency-Key` is the same for every try of one delivery, so that a service that knows it does
    the work once. Switch it off for one that does not: then a call whose answer was lost waits for a person
    instead of being sent again, unless it is a GET, HEAD, PUT or DELETE.

    The header `Automations-Hop` says how many runs lie behind the call. Pass it on when you call a webhook of ours in
    turn: after five, the circle ends. This app's own addresses cannot be called.
    """

    key = "http.request"
    title = "Make an HTTP request"
    sentence = "call a web address"
    connection = HttpConnection
    repeatable = False
    outputs: ClassVar[Mapping[str, str]] = {
        "status": "The answer's status, such as 200",
        "headers": "The answer's headers by lower-case name",
        "json": "The answer's JSON, or nothing",
        "text": "The answer's text where it is no JSON",
    }
    examples = (
        {"url": "/orders", "body": {"name": "{{ record.name }}", "seats": 12}},
        {"method": "GET", "url": "/orders", "query": {"q": "{{ record.name }}", "tags": ["a", "b"]}},
        {
            "method": "PUT",
            "url": "/orders/7",
            "body": {"name": "{{ record.name }}"},
            "body_as": "form",
            "headers": {"X-Source": "recipe"},
            "success_if": "reply.status < 300",
            "idempotency_key": False,
        },
    )

    class Fields(ActionFields):
        method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = field(
            "Method", default="POST", choices=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        )
        url: str = field(
            "Address",
            "A whole address, or a path under the connection's. What a template puts into it is percent-encoded.",
            address=True,
        )
        query: dict[str, Any] = field("Query", "Name and value of each; a list repeats the name.", default={})
        headers: dict[str, Any] = field("Headers", "Name and value of each.", default={}, advanced=True)
        body: Any = field("Body", "An object becomes JSON, text stays text.", default=None, multiline=True)
        body_as: Literal["json", "form", "text"] | None = field(
            "Body as",
            "How the body is written.",
            default=None,
            choices=("json", "form", "text"),
            advanced=True,
        )
        success_if: str | None = field(
            "Success if",
            "An expression over `reply`, such as `reply.json.ok`; it has `status`, `headers`, `json` and `text`.",
            default=None,
            advanced=True,
            expression=True,
        )
        idempotency_key: bool = field(
            "Send Idempotency-Key", "Turn off for a service that objects to it.", default=True, advanced=True
        )

    def repeatable_for(self, fields: Fields) -> bool:
        return fields.method in _SAFE_TO_REPEAT or fields.idempotency_key

    def check(self, fields: Fields) -> None:
        for name, value in fields.query.items():
            flat(value, f"query.{name}")
        if fields.body is not None:
            written(fields.body, fields.body_as)
        if fields.success_if:
            try:
                compile_expression(fields.success_if)
            except MappingError as error:
                raise _bad_rule(fields.success_if, error) from error

    def check_mapping(
        self, fields: Mapping[str, Any], settings: HttpSettings, directory: DirectoryLike
    ) -> Sequence[tuple[str, str]]:
        wrong = [("url", problem)] if (problem := fault_of_address(fields.get("url"), settings)) else []
        headers = fields.get("headers")
        for name in headers if isinstance(headers, dict) else ():
            if not may_be_set(str(name)):
                message = f"The header {str(name)[:60]!r} cannot be set. Remove it or choose another name."
                wrong.append((f"headers.{name}", message))
        return wrong

    def perform(self, fields: Fields, client: HttpClient, call: Call) -> Outcome:
        content: bytes | None = None
        content_type: str | None = None
        # A mapped null is JSON's null where the author asked for JSON; otherwise there is nothing to send.
        if fields.body is not None or (fields.body_as == "json" and "body" in fields.model_fields_set):
            content, content_type = written(fields.body, fields.body_as)
        reply = client.send(
            fields.method,
            fields.url,
            query={name: flat(value, name) for name, value in fields.query.items() if value is not None},
            headers=_headers(fields, call),
            content=content,
            content_type=content_type,
            accept=_FOR_THE_AUTHOR if fields.success_if else (),
        )
        values = client.without_secrets(reply_as_values(reply))
        if fields.success_if and not reply.held and not _is_success(fields.success_if, values):
            raise RejectedError(
                f"The service answered {reply.status}, and the step's rule `{fields.success_if[:200]}` does not call "
                "that a success. Look at the answer, then correct the step or send again.",
                code=str(reply.status),
            )
        return Outcome(values, f"{fields.method} {fields.url[:120]}: {reply.status}")


def _headers(fields: Request.Fields, call: Call) -> dict[str, str]:
    headers = {name: as_text(value) for name, value in fields.headers.items() if value is not None}
    is_given = any(name.lower() == "idempotency-key" for name in headers)
    if fields.idempotency_key and not is_given and fields.method not in READS:
        headers["Idempotency-Key"] = call.idempotency_key
    if fields.method not in READS:
        headers = {name: text for name, text in headers.items() if name.lower() != HOP_HEADER.lower()}
        headers[HOP_HEADER] = str(call.depth + 1)
    return headers


def _is_success(rule: str, values: JsonObject) -> bool:
    try:
        verdict = render(compile_expression(rule), {"reply": values})
    except MappingError as error:
        raise RejectedError(
            f"The call was answered, but the step's rule `{rule[:200]}` cannot be worked out: {error.message} "
            "Correct the rule, then look at the answer before sending again.",
            code="success_if",
        ) from error
    return verdict is not MISSING and bool(verdict)


def _bad_rule(rule: str, error: MappingError) -> FieldsError:
    return FieldsError(
        f"{error.message} Write an expression over reply, such as reply.status == 200.",
        field="success_if",
        value=rule[:200],
        wanted="an expression over reply",
    )
