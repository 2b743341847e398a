"""The connection pages: adding, changing, testing, and what they never show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automations.assembly import Assembly
from automations.engine.contracts import DescribedKind
from automations.model.states import Role
from automations.sandbox import PipedriveSandbox
from tests.web.builder_pages import Browser

TOKEN = "sandbox-token-1234567890"


def made(assembly: Assembly, url: str, token: str = TOKEN) -> int:
    row = assembly.connections.save("pipedrive", "sand", {"base_url": url, "api_token": token})
    assert row.id is not None
    return row.id


def test_form_comes_from_what_the_kind_asks_for(browser: Browser) -> None:
    page = browser.get("/connections/add/pipedrive")
    for title in ("Company domain", "API token", "Find persons by", "Owner of new records"):
        assert title in page
    assert '<option value="update_only"' in page
    assert 'name="api_token" type="password"' in page


def test_every_kind_can_be_added_from_the_list(browser: Browser) -> None:
    page = browser.get("/connections/add")
    for kind in browser.assembly.registry.kinds.values():
        assert f"/connections/add/{kind.kind}" in page
        # A kind with a description for each product shows these first.
        browser.get(f"/connections/add/{kind.kind}", 302 if isinstance(kind, DescribedKind) else 200)


def test_new_connection_is_saved_and_shown_without_its_secret(browser: Browser) -> None:
    answer = browser.post(
        "/connections/add/pipedrive", {"name": "sand", "domain": "sand", "api_token": TOKEN}
    )
    page = browser.get(answer.headers["Location"])
    assert "sand is saved" in page
    assert TOKEN not in page
    assert "•••7890" in page
    opened = browser.assembly.connections.open(browser.assembly.connections.get("sand").id or 0)
    assert opened.settings.api_token == TOKEN


def test_mistake_stands_at_its_field_and_nothing_typed_is_lost(browser: Browser) -> None:
    given = {"name": "sand", "domain": "no spaces here", "api_token": TOKEN, "person_match_field": "phone"}
    answer = browser.post("/connections/add/pipedrive", given)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert "is no company domain" in answer.text
    assert 'value="no spaces here"' in answer.text
    assert 'value="phone"' in answer.text
    assert TOKEN not in answer.text


def test_missing_required_setting_is_named(browser: Browser) -> None:
    answer = browser.post("/connections/add/pipedrive", {"name": "sand", "domain": "sand"})
    assert answer.status_code == 422
    assert "API token: is required" in answer.text


def test_taken_name_changes_nothing(browser: Browser) -> None:
    answer = browser.post(
        "/connections/add/pipedrive", {"name": "acme", "domain": "evil", "api_token": TOKEN}
    )
    assert answer.status_code == 422
    assert "Choose another name" in answer.text
    assert browser.assembly.connections.get("acme").settings.get("domain") != "evil"


def test_unknown_fields_are_not_taken(browser: Browser) -> None:
    given = {"name": "sand", "domain": "sand", "api_token": TOKEN, "state": "paused", "hook_token": "x" * 30}
    browser.post("/connections/add/pipedrive", given)
    row = browser.assembly.connections.get("sand")
    assert row.state == "ok"
    assert row.hook_token != "x" * 30


def test_empty_secret_keeps_the_stored_one(browser: Browser) -> None:
    row = browser.assembly.connections.save("pipedrive", "sand", {"domain": "sand", "api_token": TOKEN})
    assert TOKEN not in browser.get(f"/connections/{row.id}/edit")
    given = {"domain": "sand", "api_token": "", "person_match_field": "phone", "mode": "upsert"}
    assert browser.post(f"/connections/{row.id}/edit", given).status_code == 302
    opened = browser.assembly.connections.open(row.id or 0)
    assert opened.settings.api_token == TOKEN
    assert opened.settings.person_match_field == "phone"


def test_another_host_asks_for_the_secret_again(browser: Browser) -> None:
    row = browser.assembly.connections.save("pipedrive", "sand", {"domain": "sand", "api_token": TOKEN})
    answer = browser.post(
        f"/connections/{row.id}/edit", {"domain": "evil", "api_token": "", "mode": "upsert"}
    )
    assert answer.status_code == 422
    assert "API token: is required" in answer.text
    assert browser.assembly.connections.get("sand").settings["domain"] == "sand"


def test_optional_secret_can_be_forgotten(browser: Browser) -> None:
    given = {
        "name": "shop",
        "base_url": "https://shop.example",
        "auth": "bearer",
        "token": "shop-token-123456",
    }
    browser.post("/connections/add/http", given)
    row = browser.assembly.connections.get("shop")
    assert "forget:token" in browser.get(f"/connections/{row.id}/edit")
    fresh = {"base_url": "https://shop.example", "auth": "none", "forget:token": "1"}
    assert browser.post(f"/connections/{row.id}/edit", fresh).status_code == 302
    assert browser.assembly.connections.open(row.id or 0).settings.token == ""


@pytest.fixture
def allowed(assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> Assembly:
    monkeypatch.setattr(assembly.settings, "allowed_networks", "127.0.0.0/8")
    return assembly


def test_test_button_shows_what_was_found(allowed: Assembly) -> None:
    sandbox = PipedriveSandbox(api_token=TOKEN)
    with sandbox.serve(port=0) as server:
        row_id = made(allowed, server.url)
        browser = Browser.signed_in(allowed)
        answer = browser.post(f"/connections/{row_id}/test", htmx=True)
    sandbox.close()
    assert "It works." in answer.text
    assert "<html" not in answer.text
    page = browser.get(f"/connections/{row_id}")
    assert "Connected as" in page
    assert "Sandbox" in page


def test_test_button_says_what_is_wrong_and_pauses(allowed: Assembly) -> None:
    sandbox = PipedriveSandbox(api_token=TOKEN)
    with sandbox.serve(port=0) as server:
        row_id = made(allowed, server.url, "another-token-0987654321")
        browser = Browser.signed_in(allowed)
        answer = browser.post(f"/connections/{row_id}/test", htmx=True)
    sandbox.close()
    assert "The test failed" in answer.text
    assert "another-token" not in answer.text
    assert "refused: needs you" in browser.get("/connections")
    assert "is paused" in browser.get("/")


def test_test_button_without_a_script_leads_back(allowed: Assembly) -> None:
    row_id = made(allowed, "http://127.0.0.1:9")
    browser = Browser.signed_in(allowed)
    assert browser.post(f"/connections/{row_id}/test").headers["Location"] == f"/connections/{row_id}"
    assert "The test failed" in browser.get(f"/connections/{row_id}")


def test_sync_button_shows_its_report(allowed: Assembly) -> None:
    row_id = made(allowed, "http://127.0.0.1:9")
    answer = Browser.signed_in(allowed).post(f"/connections/{row_id}/sync", htmx=True)
    assert answer.status_code == 200
    assert "In line with the recipes" in answer.text


def test_inbound_password_is_shown_to_an_admin_who_asks(browser: Browser) -> None:
    row = browser.assembly.connections.get("acme")
    password = browser.assembly.connections.open(row.id or 0).hook_password
    page = browser.get(f"/connections/{row.id}")
    assert f"/hooks/pipedrive/{row.hook_token}" in page
    assert password not in page
    assert password in browser.post(f"/connections/{row.id}/hook-password").text


def test_others_see_neither_address_nor_password(assembly: Assembly) -> None:
    row = assembly.connections.get("acme")
    publisher = Browser.signed_in(assembly, Role.PUBLISHER)
    assert str(row.hook_token) not in publisher.get(f"/connections/{row.id}")
    assert publisher.post(f"/connections/{row.id}/hook-password").status_code == 403


def test_a_connection_gets_another_name(browser: Browser) -> None:
    number = browser.saved()
    row = browser.assembly.connections.get("acme")
    assert "Rename this connection" in browser.get(f"/connections/{row.id}")
    answer = browser.post(f"/connections/{row.id}/rename", {"name": " acme sales "})
    assert "acme is now acme sales; the recipes that use it follow." in browser.get(
        answer.headers["Location"]
    )
    definition = browser.assembly.recipes.versions(number)[0].definition
    assert definition["trigger"]["connection"] == "acme sales"


def test_a_name_that_is_taken_is_refused_in_words(browser: Browser) -> None:
    row = browser.assembly.connections.get("acme")
    answer = browser.post(f"/connections/{row.id}/rename", {"name": "acme-clevertap"})
    page = browser.get(answer.headers["Location"])
    assert "There is a connection named &#39;acme-clevertap&#39; already" in page
    assert browser.assembly.connections.get("acme").id == row.id


def test_only_an_admin_renames(assembly: Assembly) -> None:
    row = assembly.connections.get("acme")
    publisher = Browser.signed_in(assembly, Role.PUBLISHER)
    assert "Rename this connection" not in publisher.get(f"/connections/{row.id}")
    assert publisher.post(f"/connections/{row.id}/rename", {"name": "x"}).status_code == 403


def test_connection_in_use_is_not_removed(browser: Browser) -> None:
    browser.saved()
    row = browser.assembly.connections.get("acme")
    answer = browser.post(f"/connections/{row.id}/remove")
    assert "is used by Deal to profile" in browser.get(answer.headers["Location"])


def test_unused_connection_is_removed(browser: Browser) -> None:
    row = browser.assembly.connections.get("acme-clevertap")
    browser.post(f"/connections/{row.id}/remove")
    assert "acme-clevertap is removed" in browser.get("/connections")
    assert browser.client.get(f"/connections/{row.id}").status_code == 404


def test_kind_that_is_gone_does_not_break_the_pages(assembly: Assembly) -> None:
    left = {name: kind for name, kind in assembly.registry.kinds.items() if name != "clevertap"}
    poorer = Assembly.make(assembly.settings, registry=replace(assembly.registry, kinds=left))
    try:
        browser = Browser.signed_in(poorer)
        assert "not installed" in browser.get("/connections")
        assert "Install the connector" in browser.get(
            f"/connections/{poorer.connections.get('acme-clevertap').id}"
        )
    finally:
        poorer.close()
