"""The sandbox's pages: forms over HTTP, and a person's way in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from automations.sandbox import ClevertapSandbox, PipedriveSandbox
from tests.sandbox.parts import Api, Receiver, hook_body


def token_of(session: requests.Session, url: str) -> str:
    page = session.get(url, timeout=10)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found.group(1)


def test_pages_have_a_strict_policy_and_no_inline_code(pd: PipedriveSandbox, api: Api) -> None:
    pd.seed_demo()
    for path in ("/", "/deals/5001"):
        page = api("GET", path)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page.text)
    for asset in ("sandbox.css", "live.js", "icon.svg"):
        assert api("GET", f"/static/{asset}").status_code == 200
    assert api("GET", "/deals/4711").status_code == 404


def test_a_form_without_its_token_is_refused(pd: PipedriveSandbox, api: Api) -> None:
    deal = pd.create("deal", {"title": "A"})
    for path in ("/deals", f"/deals/{deal['id']}/move", f"/deals/{deal['id']}/delete"):
        assert api("POST", path, data={"title": "B", "csrf_token": "x" * 40}).status_code == 400
    assert [row["title"] for row in pd.records("deal").values()] == ["A"]


def test_a_wrong_form_says_why_and_keeps_what_was_typed(pd: PipedriveSandbox, api: Api) -> None:
    form = {"title": "Chairs", "value": "much", "currency": "EUR", "stage_id": "11"}
    reply = api("POST", "/deals", data={**form, "csrf_token": token_of(api.session, f"{api.url}/")})
    assert reply.status_code == 400
    assert "value: must be a number" in reply.text
    assert 'value="Chairs"' in reply.text
    assert pd.records("deal") == {}


def test_a_new_contact_is_made_with_the_deal(pd: PipedriveSandbox, api: Api) -> None:
    form = {"title": "Chairs", "value": "1200,50", "currency": "USD", "stage_id": "12", "person_name": "Nora"}
    form |= {
        "email": "nora@x.example",
        "phone": "+4915112345678",
        "csrf_token": token_of(api.session, api.url),
    }
    assert api("POST", "/deals", data=form, allow_redirects=False).status_code == 303
    (deal,) = pd.records("deal").values()
    (person,) = pd.records("person").values()
    assert (deal["value"], deal["currency"], deal["stage_id"]) == (1200.5, "USD", 12)
    assert deal["person_id"] == person["id"]
    assert person["emails"][0]["value"] == "nora@x.example"


def test_webhooks_show_their_last_delivery_but_not_their_secret(
    pd: PipedriveSandbox, api: Api, receiver: Receiver
) -> None:
    api.data("POST", "/v1/webhooks", hook_body(receiver.url, http_auth_password="hidden-word"))
    assert "nothing sent yet" in api("GET", "/").text
    pd.create("deal", {"title": "A"})
    assert pd.wait_until_quiet(10)
    page = api("GET", "/").text
    assert "✓ 200" in page
    assert "secret-part" not in page
    assert "hidden-word" not in page


def test_titles_are_escaped(pd: PipedriveSandbox, api: Api) -> None:
    pd.create("deal", {"title": "<script>alert(1)</script>"})
    assert "<script>alert" not in api("GET", "/").text


def test_the_clevertap_page_shows_what_arrived(ct: ClevertapSandbox, ct_api: Api) -> None:
    assert "No profile yet" in ct_api("GET", "/").text
    ct.upload(
        [{"type": "profile", "identity": "ines", "profileData": {"Name": "<Ines>", "Tags": ["a", "b"]}}]
    )
    ct.upload([{"type": "event", "identity": "ines", "evtName": "Deal moved", "evtData": {"To": "Won"}}])
    page = ct_api("GET", "/")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for text in ("ines", "&lt;Ines&gt;", "a, b", "Deal moved", "Won", "✓ all taken"):
        assert text in page.text


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that must log no error."""
    context = chromium.new_context(viewport={"width": 400, "height": 800})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


@pytest.mark.browser
def test_a_person_creates_moves_and_wins_a_deal(pd: PipedriveSandbox, api: Api, page: Page) -> None:
    page.goto(f"{api.url}/")
    page.get_by_label("Title").fill("Office chairs")
    page.get_by_label("Value").fill("5000")
    page.get_by_label("Currency").select_option("EUR")
    page.get_by_label("Person name").fill("Nora Field")
    page.get_by_label("E-mail").fill("nora@field.example")
    page.get_by_label("Phone").fill("+4915112345678")
    page.get_by_label("Stage").select_option(label="Contact made")
    page.get_by_role("button", name="Create deal").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Deal created.")
    page.get_by_label("Move Office chairs to").select_option(label="Negotiation")
    card = page.get_by_role("article", name="Office chairs")
    card.get_by_role("button", name="Move").press("Enter")
    expect(page.get_by_role("region", name="Negotiation").get_by_role("article")).to_have_count(1)
    page.get_by_role("article", name="Office chairs").get_by_role("button", name="Won").click()
    expect(page.get_by_text("✓ Won")).to_be_visible()
    (deal,) = pd.records("deal").values()
    assert (deal["status"], deal["value"]) == ("won", 5000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.browser
def test_the_board_keeps_itself_up_to_date_but_not_under_ones_hands(
    pd: PipedriveSandbox, api: Api, page: Page
) -> None:
    pd.create("deal", {"title": "First"})
    page.goto(f"{api.url}/")
    pd.create("deal", {"title": "Second"})
    expect(page.get_by_role("article", name="Second")).to_be_visible(timeout=8000)
    page.get_by_label("Move First to").select_option(label="Negotiation")
    pd.create("deal", {"title": "Third"})
    with page.expect_response(lambda reply: reply.request.resource_type == "fetch", timeout=8000):
        pass
    assert page.get_by_label("Move First to").evaluate("it => it.selectedOptions[0].text") == "Negotiation"


@pytest.mark.browser
def test_the_clevertap_page_keeps_itself_up_to_date(ct: ClevertapSandbox, ct_api: Api, page: Page) -> None:
    page.goto(f"{ct_api.url}/")
    ct.upload([{"type": "profile", "identity": "ines@x.example", "profileData": {"Name": "Ines"}}])
    expect(page.get_by_role("rowheader", name="ines@x.example")).to_be_visible(timeout=8000)
