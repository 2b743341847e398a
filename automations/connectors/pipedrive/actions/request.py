"""Make any call to Pipedrive's API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive.account import wrong
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.engine.contracts import Action, ActionFields, Call, Outcome, field

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_PATH = re.compile(r"/api/v[12](/[A-Za-z0-9_.,~-]+)+\Z")
_ENTITIES = "deals|persons|organizations|activities|products"
_RETIRED = re.compile(
    rf"/api/v1/(({_ENTITIES}|pipelines|stages)(/\d+)?"
    rf"|({_ENTITIES})/search|deals/\d+/(activities|persons|products)"
    r"|persons/\d+/(deals|activities)|organizations/\d+/(deals|persons|activities)|itemSearch(/field)?)\Z"
)
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})


class Request(Action):
    """Make any call to the API, for what no other action does.

    The path begins with `/api/v2/`, or with `/api/v1/` for what v2 has not. The answer's data can be read by later
    steps. A refusal parks the run with Pipedrive's reason. The token goes along by itself.

    Repeatable: `GET`, `PUT` and `DELETE` are; after a doubtful `POST` or `PATCH` the delivery waits for a person.

    Source: Pipedrive API reference v1 and v2; the calls of v1 that are out of support since 2026-08-01 are refused
    here ("Deprecated API v1 endpoints become out of support"), read 2026-11-22.
    """

    key = "pipedrive.request"
    title = "Call the API"
    sentence = "Make a call to Pipedrive's API"
    connection = PipedriveConnection
    repeatable = False
    outputs: ClassVar[Mapping[str, str]] = {
        "data": "The answer's data",
        "additional_data": "What the answer says beside it, such as the next page's cursor",
    }
    examples = (
        {"path": "/api/v2/pipelines", "query": {"limit": 5}},
        {"method": "POST", "path": "/api/v2/persons", "body": {"name": "Ingrid Berg"}},
    )

    class Fields(ActionFields):
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = field(
            "Method", default="GET", choices=("GET", "POST", "PUT", "PATCH", "DELETE")
        )
        path: str = field("Path", "Such as /api/v2/deals/5120 or /api/v1/notes.")
        query: dict[str, Any] | None = field("Query", "Names and values.", default=None)
        body: dict[str, Any] | list[Any] | None = field("Body", "Sent as JSON.", default=None)

    def repeatable_for(self, fields: Fields) -> bool:
        return fields.method in _REPEATABLE

    def check(self, fields: Fields) -> None:
        if not _PATH.match(fields.path) or any(part in (".", "..") for part in fields.path.split("/")):
            raise wrong(
                "path", fields.path, "a path such as /api/v2/deals/5120; the query goes into its own field"
            )
        if _RETIRED.match(fields.path):
            raise wrong(
                "path", fields.path, f"served any more; take {fields.path.replace('/v1/', '/v2/', 1)}"
            )
        if any(name.lower() in ("api_token", "access_token") for name in fields.query or {}):
            raise wrong("query", "a token", "needed: the connection's token goes along by itself")
        if fields.method == "GET" and fields.body is not None:
            raise wrong("body", "a body", "sent with GET; choose another method, or leave it out")

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        self.check(fields)
        what = f"{fields.method} {fields.path}"
        if fields.method == "GET":
            answer = client.get(fields.path, fields.query, what=what)
        else:
            answer = client.write(fields.method, fields.path, fields.body, params=fields.query, what=what)
        return Outcome({"data": answer.data, "additional_data": answer.additional}, f"{what} was answered.")
