"""A small strict HTTP service: orders behind a bearer token, done once per Idempotency-Key."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from automations.sandbox.base import SandboxApp, json_reply


class Receiver(SandboxApp):
    """orders: number -> the last body put or posted for it, as it was sent."""

    name = "receiver"

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.orders: dict[str, Any] = {}
        self._done: dict[str, str] = {}
        self.app.add_url_rule("/orders", "orders", self._orders_view, methods=["GET", "POST"])
        self.app.add_url_rule("/orders/<number>", "order", self._order_view, methods=["GET", "PUT", "DELETE"])

    def is_api_path(self, path: str) -> bool:
        return True

    def canned_body(self, status: int) -> dict[str, Any]:
        return {"error": f"ordered to answer {status}"}

    def _refused(self) -> Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return json_reply({"error": "who are you?"}, 401)
        wants = request.method in ("POST", "PUT")
        if wants and request.mimetype not in (
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
        ):
            return json_reply({"error": "a body with its type, please"}, 415)
        return None

    def _orders_view(self) -> Response:
        if (refused := self._refused()) is not None:
            return refused
        if request.method == "GET":
            return json_reply({"orders": list(self.orders), "asked": request.args.to_dict(flat=False)})
        key = request.headers.get("Idempotency-Key")
        if key not in self._done:
            number = str(len(self.orders) + 1)
            self.orders[number] = self._body()
            if key is None:
                return json_reply({"id": number}, 201)
            self._done[key] = number
        return json_reply({"id": self._done[str(key)]}, 201)

    def _order_view(self, number: str) -> Response:
        if (refused := self._refused()) is not None:
            return refused
        if request.method == "PUT":
            self.orders[number] = self._body()
        elif request.method == "DELETE":
            self.orders.pop(number, None)
        return json_reply({"id": number, "order": self.orders.get(number)})

    def _body(self) -> Any:
        if request.mimetype == "application/json":
            return request.get_json()
        return request.form.to_dict(flat=False) or request.get_data(as_text=True)
