"""The person's way: see the demo work, build a recipe from nothing, test it, publish it, switch it off and on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def create_deal(page: Page, demo: Demo, title: str, email: str, phone: str = "+49 151 2345678") -> None:
    """As a salesperson does on the sandbox Pipedrive's page."""
    page.goto(demo.pipedrive_url)
    page.get_by_label("Title").fill(title)
    page.get_by_label("Value").fill("5000")
    page.get_by_label("Person name").fill("Ines Okafor")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Phone").fill(phone)
    page.get_by_role("button", name="Create deal").click()
    expect(page.get_by_role("status")).to_contain_text("Deal created")


def deal_card(page: Page, title: str):  # type: ignore[no-untyped-def]
    return page.get_by_role("article", name=title)


def runs_of(page: Page, demo: Demo, words: str, recipe: str) -> int:
    page.goto(f"{demo.url}/runs?search={words}")
    return page.get_by_role("row").filter(has_text=recipe).count()


def wait_until(page: Page, url: str, text: str) -> None:
    """Open a page again until it shows the text; what it waits for happens in other processes."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        page.goto(url)
        if page.get_by_role("main").get_by_text(text).count():
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"{url} never showed {text!r}:\n{page.inner_text('body')[:2000]}")


def test_a_deal_reaches_clevertap_and_the_history_shows_how(page: Page, demo: Demo) -> None:
    create_deal(page, demo, "Rooftop for the harbour", "ines@harbour.example")
    card = deal_card(page, "Rooftop for the harbour")
    card.get_by_label("Move Rooftop for the harbour to").select_option(label="Proposal made")
    card.get_by_role("button", name="Move").click()
    expect(page.get_by_role("status")).to_contain_text("Deal moved")

    wait_until(page, demo.clevertap_url, "ines@harbour.example")
    wait_until(page, demo.clevertap_url, "Deal stage changed")

    wait_until(page, f"{demo.url}/runs", "Rooftop for the harbour")
    page.goto(f"{demo.url}/runs")
    lines = page.get_by_role("row").filter(has_text="Rooftop for the harbour")
    expect(lines.get_by_role("link", name="Deal stage changed → CleverTap event")).to_be_visible()
    lines.get_by_role("link", name="New deal → CleverTap profile").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Rooftop for the harbour")
    shown = page.inner_text("main")
    for words in ("What it had", "What it sent", "What came back", "/1/upload", "ines@harbour.example"):
        assert words in shown
    assert "demo-passcode" not in page.content()


def test_a_recipe_built_from_nothing_tested_published_and_switched(page: Page, demo: Demo) -> None:
    create_deal(page, demo, "Harbour lights", "lights@harbour.example")
    deal_card(page, "Harbour lights").get_by_role("button", name="Won").click()
    wait_until(page, f"{demo.url}/events", "Harbour lights")

    # Choose what starts it.
    page.goto(f"{demo.url}/recipes")
    page.get_by_role("link", name="New recipe").or_(
        page.get_by_role("button", name="New recipe")
    ).first.click()
    page.get_by_placeholder("Search, such as").fill("won")
    page.get_by_role("button", name=re.compile("^Deal won")).click()
    expect(page).to_have_url(re.compile(r"/recipes/\d+"))
    recipe_url = page.url.split("?")[0].split("#")[0]
    connection = page.get_by_label("Pipedrive connection")
    if connection.input_value() != "acme-pipedrive":
        connection.select_option("acme-pipedrive")
    name = page.get_by_label("Name", exact=True)
    name.fill("Won deal → CleverTap")

    # A sample that really arrived.
    sample = page.get_by_label("Which sample")
    option = sample.locator("option", has_text="Harbour lights").first
    sample.select_option(option.get_attribute("value"))
    tree = page.get_by_role("tree", name="Fields of the sample")
    expect(tree).to_contain_text("Harbour lights")

    # Narrow it.
    page.get_by_role("button", name="+ condition").first.click()
    page.get_by_label("What to look at").first.fill("{{ deal.value }}")
    page.get_by_label("How to compare").first.select_option("gte")
    page.get_by_label("Compare with").first.fill("1000")
    expect(page.locator(".verdict").first).to_contain_text("passes on this sample")

    # Add a step and map its fields by clicking in the tree.
    expect(page.get_by_text("Choose what to do")).to_be_visible()
    page.locator("button[value='add-step:clevertap.upload_profile']").click()
    step = page.get_by_role("article", name=re.compile("^Step 1"))
    clevertap = step.get_by_label("CleverTap connection")
    if clevertap.input_value() != "acme-clevertap":
        clevertap.select_option("acme-clevertap")
    identity = step.get_by_label("Identity", exact=True).first
    identity.focus()
    identity.fill("")
    tree.get_by_text("Person", exact=True).first.click()
    tree.get_by_text("E-mail", exact=True).first.click()
    truth = step.locator("[data-line$='/fields/identity']")
    expect(truth).to_contain_text("lights@harbour.example")
    expect(truth).to_contain_text("text")

    # A mistake is told at its field, with the next move.
    identity.focus()
    identity.fill("{{ person.email }}")
    expect(
        step.locator("[data-mistake$='/fields/identity'], [data-line$='/fields/identity']").first
    ).to_contain_text("deal.person")
    identity.fill("{{ deal.person.email | normalize_email }}")
    expect(truth).to_contain_text("lights@harbour.example")

    step.get_by_role("button", name="+ property").click()
    step.get_by_label(re.compile("^Name of property")).last.fill("Won value")
    step.locator("[name$='/value']").last.fill("{{ deal.value }}")
    expect(step.locator("[data-line$='/value']").last).to_contain_text("5000")

    # Test it: the exact request, and nothing left this machine.
    page.get_by_role("button", name="Run test").click()
    answer = page.locator("#test-answer")
    expect(answer).to_contain_text("/1/upload")
    expect(answer).to_contain_text("Won value")
    expect(answer).to_contain_text(re.compile("nothing left", re.IGNORECASE))
    assert "Won value" not in clevertap_text(page.context.new_page(), demo)

    # Then for real, after a question.
    page.get_by_label("What may leave this machine").select_option("live")
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_role("heading", name="Send this for real?")).to_be_visible()
    page.get_by_role("button", name="Send it").click()
    expect(answer).to_contain_text(re.compile("200|sent", re.IGNORECASE))
    other = page.context.new_page()
    wait_until(other, demo.clevertap_url, "Won value")

    # Publish, and see it run.
    page.get_by_role("button", name=re.compile("^Publish")).first.click()
    page.get_by_role("button", name="Publish", exact=True).last.click()
    expect(page.get_by_text(re.compile("published|is on", re.IGNORECASE)).first).to_be_visible()
    create_deal(other, demo, "Second harbour", "second@harbour.example")
    deal_card(other, "Second harbour").get_by_role("button", name="Won").click()
    deadline_s = time.monotonic() + 20
    while not runs_of(other, demo, "Second", "Won deal → CleverTap"):
        assert time.monotonic() < deadline_s, "the published recipe did not run"
        other.wait_for_timeout(200)

    # Off, and on.
    page.goto(recipe_url)
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
    create_deal(other, demo, "Third harbour", "third@harbour.example")
    deal_card(other, "Third harbour").get_by_role("button", name="Won").click()
    wait_until(other, f"{demo.url}/events", "Third harbour")
    other.wait_for_timeout(1500)
    assert runs_of(other, demo, "Third", "Won deal → CleverTap") == 0
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    other.close()


def clevertap_text(page: Page, demo: Demo) -> str:
    page.goto(demo.clevertap_url)
    text = page.inner_text("body")
    page.close()
    return text


def test_the_same_from_a_file(demo: Demo, tmp_path: Path) -> None:
    recipe = tmp_path / "lost.yaml"
    recipe.write_text(
        """
name: Lost deal to CleverTap
trigger: {key: pipedrive.deal_lost, connection: acme-pipedrive}
steps:
  - name: lost
    action: clevertap.upload_event
    connection: acme-clevertap
    fields: {identity: "{{ deal.person.email }}", event_name: Deal lost, properties: {Deal: "{{ deal.title }}"}}
"""
    )
    environment = {
        **os.environ,
        "AUTOMATIONS_INSTANCE": str(demo.instance),
        "AUTOMATIONS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "AUTOMATIONS_PUBLIC_URL": demo.url,
    }

    def automations(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "automations", *words],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    sample = tmp_path / "deal.json"
    person = {"email": "ana@example.com"}
    sample.write_text(
        json.dumps(
            {"record": {"id": 1, "title": "Lost one", "status": "lost"}, "related": {"person": person}}
        )
    )
    tested = json.loads(automations("recipe", "test", str(recipe), "--sample", str(sample), "--json"))
    assert tested["outcome"] == "ok"
    (request,) = tested["steps"][0]["requests"]
    assert request["body"]["d"][0]["evtData"] == {"Deal": "Lost one"}
    automations("recipe", "apply", str(recipe))
    assert "Lost deal to CleverTap" in automations("recipe", "list")
    assert isinstance(json.loads(automations("run", "list", "--json")), list)


def test_an_account_is_connected_and_tested(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.url}/connections")
    page.get_by_role("button", name="Add a connection").click()
    page.get_by_role("link", name="Pipedrive", exact=True).click()
    page.get_by_label(re.compile("^Name")).first.fill("second-pipedrive")
    page.get_by_label(re.compile("API token", re.IGNORECASE)).first.fill("not-the-token")
    more = page.get_by_text("More", exact=True)
    if more.count():
        more.first.click()
    page.get_by_label(re.compile("^Address")).first.fill(demo.pipedrive_url)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile("refused|token|401", re.IGNORECASE))
    assert "not-the-token" not in page.content()


def test_it_works_by_keyboard_alone_in_the_dark_on_a_narrow_screen(page: Page, demo: Demo) -> None:
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 400, "height": 800})
    for path in ("/", "/recipes", "/runs", "/connections", "/gallery", "/settings", "/recipes/1", "/runs/1"):
        page.goto(demo.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not wide, f"{path} scrolls sideways at 400 px"
    page.goto(f"{demo.url}/recipes/1")
    for _ in range(60):
        page.keyboard.press("Tab")
        inside = page.evaluate("document.activeElement && document.activeElement.id")
        if inside == "run-test":
            break
    page.locator("#run-test").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#test-answer")).to_contain_text("/1/upload")
