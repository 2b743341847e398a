"""How a sandbox refuses: one exception that carries the status and the body of the remote product's shape."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """The sandbox says no, as the remote product would.

    status: HTTP status. body: the JSON body, in the product's own error shape.
    """

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


def invalid(problems: list[str]) -> Refusal:
    """Pipedrive v2's answer to a body or query that breaks the schema; several problems share one message."""
    text = "Validation failed: " + "; ".join(problems)
    return Refusal(400, {"success": False, "error": text, "code": "ERR_SCHEMA_VALIDATION_FAILED"})


def bad_request(text: str) -> Refusal:
    """Pipedrive v2's answer to a well-formed body that asks for something it does not do."""
    return Refusal(400, {"success": False, "error": text, "code": "ERR_BAD_REQUEST"})


def refused_v1(text: str, status: int = 400, info: str = "Please check developers.pipedrive.com") -> Refusal:
    """Pipedrive's older error shape, used by v1 and by every "not found"."""
    body = {"success": False, "error": text, "error_info": info, "data": None, "additional_data": None}
    return Refusal(status, body)


def not_found(label: str) -> Refusal:
    return refused_v1(f"{label} not found", 404)


def unauthorized() -> Refusal:
    body = {"success": False, "error": "unauthorized access", "errorCode": 401}
    return Refusal(401, {**body, "error_info": "Send a valid API token in the x-api-token header."})


def hook_refused(status: int, errors: dict[str, list[str]]) -> Refusal:
    """The webhook endpoints' own error shape."""
    return Refusal(status, {"status": "error", "success": False, "errors": errors})
