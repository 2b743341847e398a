"""OAuth from the page to the other product and back, refreshing, reconnecting, disconnecting: over real HTTP."""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from automations.assembly import Assembly
from automations.engine.contracts import DoorMode
from automations.errors import CredentialsError, InputError
from automations.model.states import ConnectionState, Role
from automations.sandbox import PipedriveSandbox
from automations.settings import Settings
from tests.web.builder_pages import PASSWORD, Browser

APP = {"client_id": "sandbox-client", "client_secret": "sandbox-client-secret"}


@pytest.fixture
def pd() -> PipedriveSandbox:
    return PipedriveSandbox()


@pytest.fixture
def url(pd: PipedriveSandbox) -> Iterator[str]:
    with pd.serve() as server:
        yield server.url


@pytest.fixture
def house(tmp_path: Path, url: str) -> Iterator[Assembly]:
    """An installation with one connection that signs in by permission."""
    made = open_house(tmp_path)
    made.connections.save("pipedrive", "acme", {"base_url": url, "auth": "oauth", **APP})
    for role in Role:
        made.people.add(f"{role}@example.com", PASSWORD, role)
    yield made
    made.close()


def open_house(folder: Path) -> Assembly:
    return Assembly.make(Settings(instance=folder, allowed_networks="127.0.0.0/8"))


@pytest.fixture
def admin(house: Assembly) -> Browser:
    return Browser.signed_in(house)


def asked(browser: Browser, connection_id: int = 1) -> str:
    """Press Connect; return where the browser is sent."""
    answer = browser.client.get(f"/connections/{connection_id}/connect")
    assert answer.status_code == 302
    return answer.headers["Location"]


def decided(address: str, decision: str = "allow") -> str:
    """Answer the other product's question as a person; return the path that the browser comes back to."""
    with requests.Session() as person:
        page = person.get(address, timeout=10)
        assert page.status_code == 200, page.text
        form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        to = address.partition("?")[0]
        sent = person.post(to, data={**form, "decision": decision}, allow_redirects=False, timeout=10)
    parts = urlsplit(sent.headers["Location"])
    return f"{parts.path}?{parts.query}"


def connected(browser: Browser) -> str:
    """Connect; return the connection's page."""
    answer = browser.client.get(decided(asked(browser)))
    assert answer.headers["Location"] == "/connections/1"
    return browser.get("/connections/1")


def access_of(house: Assembly) -> str:
    grant = house.connections.open_anew(1).grant
    assert grant is not None
    return grant.access_token


# -- to and fro


def test_a_person_connects_and_the_account_answers(house: Assembly, admin: Browser) -> None:
    assert house.connections.get("acme").state == ConnectionState.PAUSED
    assert "Callback address" in admin.get("/connections/1")
    page = connected(admin)
    assert "acme is connected." in page
    assert "Connected as" in page
    assert house.connections.get("acme").state == ConnectionState.OK


def test_nothing_secret_is_in_an_address_a_page_or_a_record(
    house: Assembly, admin: Browser, pd: PipedriveSandbox
) -> None:
    address = asked(admin)
    assert "sandbox-client-secret" not in address
    back = decided(address)
    admin.client.get(back)
    secrets = [access_of(house), house.connections.open(1).grant.refresh_token, "sandbox-client-secret"]  # type: ignore[union-attr]
    client = house.connections.client(1)
    client.get("/api/v1/users/me")
    seen = [
        admin.get("/connections/1"),
        admin.get("/connections/1/edit"),
        str(house.connections.shown(house.connections.get("acme"))),
        str([exchange.as_json() for exchange in client.door.exchanges]),
        str([(request.path, request.query, request.headers, request.body) for request in pd.requests]),
        str((house.connections.get("acme").settings, house.connections.get("acme").sealed)),
    ]
    assert not [one for one in secrets for text in seen if one in text]
    assert pd.tokens_in_urls == 0
    assert not any(
        "Authorization" in request.headers or "X-Api-Token" in request.headers for request in pd.requests
    )


def test_a_permission_that_this_session_did_not_ask_for_is_not_taken(
    house: Assembly, admin: Browser, pd: PipedriveSandbox
) -> None:
    stolen = decided(asked(admin))
    other = Browser.signed_in(house)
    assert other.client.get(stolen).headers["Location"] == "/connections"
    assert "was not asked for here" in other.get("/connections")
    assert house.connections.open_anew(1).grant is None
    # And the right session takes it once.
    assert admin.client.get(stolen).headers["Location"] == "/connections/1"
    assert admin.client.get(stolen).headers["Location"] == "/connections"
    assert pd.oauth.calls == ["authorization_code"]


def test_no_is_an_answer(house: Assembly, admin: Browser) -> None:
    admin.client.get(decided(asked(admin), "deny"))
    assert "It was not allowed there" in admin.get("/connections/1")
    assert house.connections.get("acme").state == ConnectionState.PAUSED


def test_only_an_admin_connects(house: Assembly) -> None:
    editor = Browser.signed_in(house, Role.EDITOR)
    assert editor.client.get("/connections/1/connect").status_code == 403
    assert editor.client.get("/connections/oauth/callback?state=x&code=y").status_code == 403


def test_a_permission_for_another_company_is_given_back(
    house: Assembly, admin: Browser, pd: PipedriveSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = house.registry.kinds["pipedrive"]

    def another(settings: Any, said: Any) -> None:
        raise InputError("The permission is for another company.")

    monkeypatch.setattr(kind, "check_grant", another)
    connected(admin)
    assert pd.oauth.installs == 0
    assert house.connections.open_anew(1).grant is None


# -- refreshing


def test_a_token_that_is_not_known_any_more_is_renewed_in_the_middle_of_work(
    house: Assembly, admin: Browser, pd: PipedriveSandbox
) -> None:
    connected(admin)
    old = access_of(house)
    pd.oauth.expire_access()
    assert house.connections.client(1).get("/api/v1/users/me").record["name"]
    assert access_of(house) != old
    assert pd.oauth.calls == ["authorization_code", "refresh_token"]


def test_a_token_is_renewed_before_it_ends(house: Assembly, admin: Browser, pd: PipedriveSandbox) -> None:
    pd.oauth.access_life_s = 100
    connected(admin)
    # The test after connecting already found it too old to rely on.
    assert pd.oauth.calls == ["authorization_code", "refresh_token"]
    refused = [request for request in pd.requests if request.status == 401]
    assert refused == []


def _call_account(folder: Path, start: Any, done: Any) -> None:
    house = open_house(folder)
    house.connections.open(1)
    start.wait(30)
    try:
        done.put(house.connections.client(1).get("/api/v1/users/me").record.get("name", ""))
    finally:
        house.close()


def test_two_processes_that_meet_an_old_token_refresh_it_once(
    house: Assembly, admin: Browser, pd: PipedriveSandbox, tmp_path: Path
) -> None:
    connected(admin)
    pd.oauth.expire_access()
    pd.delay_next(0.5, path="/oauth/token")
    spawn = multiprocessing.get_context("spawn")
    start, done = spawn.Barrier(2), spawn.Queue()
    workers = [spawn.Process(target=_call_account, args=(tmp_path, start, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    names = [done.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(30)
    done.close()
    assert all(names)
    assert pd.oauth.calls.count("refresh_token") == 1


def test_a_permission_that_is_over_pauses_the_connection_until_it_is_reconnected(
    house: Assembly, admin: Browser, pd: PipedriveSandbox
) -> None:
    connected(admin)
    pd.oauth.uninstall_all()
    with pytest.raises(CredentialsError, match="Reconnect"):
        house.connections.client(1).get("/api/v1/users/me")
    row = house.connections.get("acme")
    assert row.state == ConnectionState.PAUSED
    assert row.state_reason.startswith("Reconnect")
    page = admin.get("/connections/1")
    assert "Reconnect</a>" in page
    # Nobody asks the other side again and again.
    with pytest.raises(CredentialsError):
        house.connections.client(1).get("/api/v1/users/me")
    assert pd.oauth.calls.count("refresh_token") == 1
    assert "acme is connected." in connected(admin)
    assert house.connections.get("acme").state == ConnectionState.OK


def test_an_outage_of_the_sign_in_is_tried_again_and_pauses_nothing(
    house: Assembly, admin: Browser, pd: PipedriveSandbox
) -> None:
    connected(admin)
    pd.oauth.expire_access()
    pd.answer_next(503, path="/oauth/token")
    client = house.connections.client(1)
    with pytest.raises(Exception, match="tried again"):
        client.get("/api/v1/users/me")
    assert house.connections.get("acme").state == ConnectionState.OK
    assert client.get("/api/v1/users/me").record


# -- the end


def test_disconnecting_gives_the_permission_back(
    house: Assembly, admin: Browser, pd: PipedriveSandbox
) -> None:
    connected(admin)
    assert pd.oauth.installs == 1
    admin.post("/connections/1/disconnect")
    assert pd.oauth.installs == 0
    row = house.connections.get("acme")
    assert (row.state, row.state_reason[:12]) == (ConnectionState.PAUSED, "Disconnected")


def test_removing_the_connection_gives_the_permission_back(
    house: Assembly, admin: Browser, pd: PipedriveSandbox
) -> None:
    connected(admin)
    admin.post("/connections/1/remove")
    assert pd.oauth.installs == 0
    assert house.connections.all() == []


def test_another_app_or_an_api_token_forgets_the_permission(
    house: Assembly, admin: Browser, url: str
) -> None:
    connected(admin)
    house.connections.save("pipedrive", "acme", {"mode": "update_only"})
    assert house.connections.open_anew(1).grant is not None
    house.connections.save("pipedrive", "acme", {"client_id": "another-app"})
    assert house.connections.open_anew(1).grant is None
    assert house.connections.get("acme").state == ConnectionState.PAUSED
    house.connections.save("pipedrive", "acme", {"auth": "token", "api_token": "sandbox-token"})
    assert house.connections.test("acme").summary


def test_offline_nothing_is_asked(house: Assembly, admin: Browser, pd: PipedriveSandbox) -> None:
    opened = house.connections.open(1)
    door = house.connections.door(opened, DoorMode.OFFLINE)
    house.connections.client(1, door, DoorMode.OFFLINE).get("/api/v1/users/me")
    (held,) = door.exchanges
    assert held.as_json()["headers"]["Authorization"] == "•••"
    assert pd.requests == []


def test_the_question_names_app_and_way_back(admin: Browser) -> None:
    query = parse_qs(urlsplit(asked(admin)).query)
    assert query["client_id"] == ["sandbox-client"]
    assert query["redirect_uri"] == ["http://127.0.0.1:8000/connections/oauth/callback"]
    assert len(query["state"][0]) >= 32
    assert "scope" not in query
