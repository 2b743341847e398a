"""An installation with two connections, served by Flask's test client; and what a browser reads from a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from automations.assembly import Assembly
from automations.engine.definition import read_definition
from automations.model.states import Role
from automations.settings import Settings
from automations.web.app import create_app

PASSWORD = "a long password"
RECIPE = """
name: Deal to profile
trigger: {key: pipedrive.deal_created, connection: acme}
only_if:
  all:
    - {left: "{{ deal.value }}", op: gte, right: 1000}
steps:
  - name: profile
    action: clevertap.upload_profile
    connection: acme-clevertap
    fields:
      identity: "{{ deal.person.email | normalize_email }}"
      properties: {Name: "{{ deal.person.name }}", Gone: "{{ deal.lost_reason }}"}
"""


def make_assembly(folder: Path) -> Assembly:
    """Open an installation with two connections and one person of every role."""
    assembly = Assembly.make(Settings(instance=folder, public_url="http://127.0.0.1:8000"))
    # Nobody listens on port 9, and private addresses are not allowed: nothing can leave.
    assembly.connections.save("pipedrive", "acme", {"base_url": "http://127.0.0.1:9", "api_token": "t" * 40})
    given = {"account_id": "ACC-123-456", "passcode": "passcode-of-acme", "base_url": "http://127.0.0.1:9"}
    assembly.connections.save("clevertap", "acme-clevertap", given)
    for role in Role:
        assembly.people.add(f"{role}@example.com", PASSWORD, role)
    return assembly


@dataclass
class Browser:
    """A signed-in person at one installation. It sends the token of the page it looked at last."""

    assembly: Assembly
    client: FlaskClient
    token: str = ""

    @classmethod
    def signed_in(cls, assembly: Assembly, role: Role = Role.ADMIN) -> Browser:
        browser = cls(assembly, create_app(assembly).test_client())
        browser.get("/sign-in")
        answer = browser.post("/sign-in", {"email": f"{role}@example.com", "password": PASSWORD})
        assert answer.status_code == 302, answer.text
        browser.get("/recipes")
        return browser

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, (answer.status_code, answer.headers.get("Location"), answer.text)
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
        self.token = found[1] if found else self.token
        return answer.text

    def post(self, path: str, form: dict[str, str] | None = None, *, htmx: bool = False) -> TestResponse:
        headers = {"HX-Request": "true"} if htmx else {}
        data = {**(form or {}), "csrf_token": self.token}
        return self.client.post(path, data=data, headers=headers)

    def saved(self, text: str = RECIPE) -> int:
        """Keep this recipe as a draft; returns its id."""
        view = self.assembly.recipes.save_draft(read_definition(text))
        assert view.recipe.id is not None
        return view.recipe.id

    def form(self, recipe_id: int) -> dict[str, str]:
        return read_form(self.get(f"/recipes/{recipe_id}"), "builder")

    def tree(self, recipe_id: int) -> dict[str, Any]:
        return self.assembly.recipes.get_by_id(recipe_id).latest.definition


class _FormReader(HTMLParser):
    """Collects what a browser would send for one form, without pressing a button."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self._form = form
        self._inside = False
        self._area: str | None = None
        self._select: str | None = None
        self._templates = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = found.get("id") == self._form
        name = found.get("name", "")
        if not name or not (self._inside or found.get("form") == self._form):
            if (
                tag == "option"
                and self._select is not None
                and ("selected" in found or self._select not in self.sent)
            ):
                self.sent[self._select] = found.get("value", "")
            return
        if tag == "input":
            if found.get("type") not in ("checkbox", "radio") or "checked" in found:
                assert name not in self.sent, name
                self.sent[name] = found.get("value", "")
        elif tag == "textarea":
            self._area = name
            self.sent[name] = ""
        elif tag == "select":
            self._select = name

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea" and self._area is not None:
            self.sent[self._area] = self.sent[self._area].removeprefix("\n").replace("\n", "\r\n")
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.sent[self._area] += data


def read_form(page: str, form: str) -> dict[str, str]:
    reader = _FormReader(form)
    reader.feed(page)
    return reader.sent
