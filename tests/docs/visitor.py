"""A signed-in person on the pages of an installation, with real tokens in every form."""

from __future__ import annotations

import re
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from automations.assembly import Assembly
from automations.model.states import Role
from automations.web.app import create_app

EMAIL, PASSWORD = "ana@example.com", "correct horse battery"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """Opens pages and sends forms. Every answer with an error status fails the test with what it said."""

    def __init__(self, assembly: Assembly, role: Role = Role.ADMIN) -> None:
        assembly.people.add(EMAIL, PASSWORD, role)
        self._client: FlaskClient = create_app(assembly).test_client()
        self._token = ""
        self.get("/sign-in")
        self.post("/sign-in", email=EMAIL, password=PASSWORD)

    def get(self, path: str, **query: str) -> str:
        return self._read(self._client.get(path, query_string=query, follow_redirects=True))

    def post(self, path: str, **form: Any) -> str:
        given = {"csrf_token": self._token, **form}
        return self._read(self._client.post(path, data=given, follow_redirects=True))

    def _read(self, answer: TestResponse) -> str:
        page = answer.get_data(as_text=True)
        assert answer.status_code < 400, f"{answer.request.path}: {answer.status}\n{page}"
        found = _TOKEN.search(page)
        self._token = found[1] if found else self._token
        return page
