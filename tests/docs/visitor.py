"""A signed-in person on the pages of an installation, with real tokens in every form."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from automations.assembly import Assembly
from automations.model.states import Role
from automations.web.app import create_app

EMAIL, PASSWORD = "ana@example.com", "correct horse battery"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class FormReader(HTMLParser):
    """values: what a browser would send of the form, its buttons aside."""

    def __init__(self, form_id: str, page: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._form_id = form_id
        self._inside = False
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form":
            self._inside = given.get("id") == self._form_id
        elif not self._inside or "disabled" in given:
            return
        elif tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self._take(name, value)
        elif tag == "select":
            self._select = name
        elif tag == "option" and (self._select not in self.values or "selected" in given):
            self.values[self._select] = [value]
        elif tag == "textarea":
            self._area = name
            self._take(name, "")

    def handle_data(self, data: str) -> None:
        if self._area:
            # A browser drops the line break that follows the tag.
            self.values[self._area][-1] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        elif tag == "form":
            self._inside = False

    def _take(self, name: str, value: str) -> None:
        if name:
            self.values.setdefault(name, []).append(value)


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

    def press(self, page: str, form_id: str, path: str, button: tuple[str, str]) -> str:
        """Send the form of a page as it stands, by one of its buttons."""
        name, value = button
        assert f'name="{name}" value="{value}"' in page
        return self.post(path, **{**FormReader(form_id, page).values, name: value})

    def _read(self, answer: TestResponse) -> str:
        page = answer.get_data(as_text=True)
        assert answer.status_code < 400, f"{answer.request.path}: {answer.status}\n{page}"
        found = _TOKEN.search(page)
        self._token = found[1] if found else self._token
        return page
