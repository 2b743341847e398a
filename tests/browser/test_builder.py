"""The builder alone: by keys, by the ƒ menu, in the large editor, and what a change of shape leaves in peace."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo

pytestmark = pytest.mark.browser


def begin(page: Page, demo: Demo, trigger: str) -> None:
    """Start a recipe and its first step with the keyboard alone."""
    page.goto(f"{demo.url}/recipes/new")
    page.keyboard.type(trigger)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/recipes/\d+$"))
    page.locator("#builder[data-ready]").wait_for()
    page.keyboard.press("a")
    page.keyboard.type("record an event")
    page.keyboard.press("Enter")
    expect(page.get_by_role("article", name="Step 1, event")).to_be_visible()


def test_recipe_is_built_by_keyboard_alone(page: Page, demo: Demo) -> None:
    begin(page, demo, "deal lost")
    event = page.locator("[id='in-steps/0/fields/event_name']")
    event.focus()
    page.keyboard.type("Lost: ")
    page.get_by_role("searchbox", name="Filter the sample's fields").focus()
    page.keyboard.type("title")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(event).to_be_focused()
    expect(event).to_have_value("Lost: {{ deal.title }}")
    expect(page.locator("[data-line='steps/0/fields/event_name']")).to_contain_text("Lost: Office chairs")
    event.press("Escape")
    page.locator("#card-steps\\/0").focus()
    page.keyboard.press("t")
    expect(page.locator("#test-answer")).to_contain_text("Lost: Office chairs")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    expect(page.get_by_role("heading", name=re.compile("^Publish"))).to_be_visible()


def test_value_is_changed_by_example(page: Page, demo: Demo) -> None:
    begin(page, demo, "deal won")
    identity = page.locator("[id='in-steps/0/fields/identity']")
    identity.fill("{{ deal.person.name }}")
    page.get_by_role("button", name="Change the value of Identity").click()
    page.get_by_role("menuitem", name=re.compile("the first name")).click()
    expect(identity).to_have_value("{{ deal.person.name | first_name }}")
    line = page.locator("[data-line='steps/0/fields/identity']")
    expect(line).to_contain_text(re.compile(r"^\w+ text$"))
    identity.blur()
    expect(page.locator("template-field[data-name='steps/0/fields/identity'] .shown")).to_contain_text(
        "Deal›Person›Namefirst name"
    )


def test_large_editor_shows_the_result_and_hands_the_text_back(page: Page, demo: Demo) -> None:
    begin(page, demo, "deal reopened")
    page.get_by_role("button", name="Large editor for Event", exact=True).click()
    page.get_by_role("textbox", name="Template").fill("Deal {{ deal.id }}")
    expect(page.locator(".editor-truth")).to_contain_text(re.compile(r"→ Deal \d+"))
    page.get_by_role("button", name="Take it over").click()
    expect(page.locator("[id='in-steps/0/fields/event_name']")).to_have_value("Deal {{ deal.id }}")


def test_removed_step_comes_back_with_what_was_just_typed(page: Page, demo: Demo) -> None:
    begin(page, demo, "deal deleted")
    page.locator("[id='in-steps/0/fields/event_name']").fill("typed just now")
    page.get_by_role("button", name="Remove event").click()
    expect(page.get_by_text("Step event was removed.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Put it back").click()
    expect(page.locator("[id='in-steps/0/fields/event_name']")).to_have_value("typed just now")
    page.reload()
    expect(page.locator("[id='in-steps/0/fields/event_name']")).to_have_value("typed just now")


def test_typing_moves_nothing(page: Page, demo: Demo) -> None:
    begin(page, demo, "deal owner")
    below = page.locator("#add-step")
    identity = page.locator("[id='in-steps/0/fields/identity']")
    identity.fill("")
    before = below.bounding_box()
    for typed in ("{{ deal.id }}", "{{ deal.lost_reason }}", "plain"):
        identity.fill(typed)
        expect(page.locator("[data-line='steps/0/fields/identity']")).not_to_have_attribute(
            "data-state", "blank"
        )
        page.wait_for_function("document.querySelector('#saved').textContent.includes('saved')")
    assert below.bounding_box() == before


def test_mistake_in_the_sheet_leads_to_its_field(page: Page, demo: Demo) -> None:
    begin(page, demo, "deal updated")
    identity = page.locator("[id='in-steps/0/fields/identity']")
    identity.fill("{{ deel.id }}")
    page.get_by_role("button", name=re.compile("^Publish")).click()
    page.get_by_role("link", name="event › Identity").click()
    expect(identity).to_be_focused()


def test_sample_is_pulled_from_the_account(page: Page, demo: Demo) -> None:
    begin(page, demo, "person created")
    page.get_by_role("button", name="Pull from Pipedrive").click()
    chosen = page.locator("#in-sample option:checked")
    expect(chosen).to_contain_text("(pulled")
    expect(page.get_by_role("tree", name="Fields of the sample")).to_contain_text("Person")
    expect(page.locator("[data-line='steps/0/fields/identity']")).to_have_attribute("data-state", "value")
