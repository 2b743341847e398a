from __future__ import annotations

from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.engine.definition import read_definition
from automations.model.states import Role
from automations.web import gallery
from tests.web.builder_pages import RECIPE, Browser


def published(browser: Browser) -> int:
    number = browser.saved()
    browser.assembly.recipes.publish(number)
    return number


def test_empty_list_offers_the_next_step(browser: Browser) -> None:
    page = browser.get("/recipes")
    assert "No recipes yet" in page
    assert "Make the first recipe" in page


def test_list_says_what_each_recipe_does_and_its_state(browser: Browser) -> None:
    published(browser)
    browser.saved(RECIPE.replace("Deal to profile", "Another"))
    page = browser.get("/recipes")
    assert "When a deal is created in Pipedrive, create or update a profile in CleverTap." in page
    assert "<span>on</span>" in page
    assert "<span>draft</span>" in page
    assert "Never published" in page


def test_recipe_is_switched_off_and_on(browser: Browser) -> None:
    number = published(browser)
    browser.post(f"/recipes/{number}/switch", {"enabled": "0"})
    assert not browser.assembly.recipes.get_by_id(number).recipe.enabled
    assert "off since" in browser.get("/recipes")
    browser.post(f"/recipes/{number}/switch", {"enabled": "1"})
    assert browser.assembly.recipes.get_by_id(number).recipe.enabled


def test_paused_connection_is_told_at_its_recipe(browser: Browser) -> None:
    published(browser)
    connection = browser.assembly.connections.get("acme-clevertap")
    browser.assembly.connections.pause(connection.id or 0, "CleverTap answered 401.")
    page = browser.get("/recipes")
    assert "wants you" in page
    assert "CleverTap answered 401." in page
    assert "Reconnect" in page


def test_exported_file_reads_back(browser: Browser) -> None:
    number = published(browser)
    answer = browser.client.get(f"/recipes/{number}/export")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="deal-to-profile.yaml"'
    tree = browser.assembly.recipes.get_by_id(number).latest.definition
    assert read_definition(answer.text).as_tree() == tree


def test_versions_tell_their_differences_and_come_back(browser: Browser) -> None:
    number = published(browser)
    browser.assembly.recipes.save_draft(read_definition(RECIPE.replace("1000", "2000")), recipe_id=number)
    browser.assembly.recipes.publish(number, note="twice as much")
    page = browser.get(f"/recipes/{number}/versions")
    assert "The conditions are now: Deal › Value is at least 2000." in page
    assert "twice as much" in page
    browser.post(f"/recipes/{number}/versions/1/rollback")
    now = browser.assembly.recipes.get_by_id(number).published
    assert now is not None
    assert (now.number, now.definition["only_if"]["all"][0]["right"]) == (3, 1000)
    assert "Version 1 is in use again, as version 3." in browser.get(f"/recipes/{number}/versions")


def test_discarding_a_draft_goes_back_to_what_is_published(browser: Browser) -> None:
    number = published(browser)
    browser.assembly.recipes.save_draft(read_definition(RECIPE.replace("1000", "2000")), recipe_id=number)
    browser.post(f"/recipes/{number}/discard")
    assert browser.tree(number)["only_if"]["all"][0]["right"] == 1000


def test_draft_that_was_never_published_is_removed(browser: Browser) -> None:
    number = browser.saved()
    answer = browser.post(f"/recipes/{number}/discard")
    assert answer.headers["Location"] == "/recipes"
    browser.get(f"/recipes/{number}", status=404)


def test_gallery_recipe_becomes_a_draft_with_own_connections(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gallery"
    folder.mkdir()
    text = RECIPE.replace("connection: acme}", "connection: crm}").replace("acme-clevertap", "engagement")
    (folder / "deal.yaml").write_text(text)
    (folder / "broken.yaml").write_text("name: [")
    monkeypatch.setattr(gallery, "gallery_folder", lambda: folder)
    assert "Deal to profile" in browser.get("/recipes/gallery")
    assert "acme-clevertap" in browser.get("/recipes/gallery/deal")
    answer = browser.post("/recipes/gallery/deal", {"connection-0": "acme", "connection-1": "acme-clevertap"})
    tree = browser.tree(int(answer.headers["Location"].rsplit("/", 1)[1]))
    assert tree["trigger"]["connection"] == "acme"
    assert tree["steps"][0]["connection"] == "acme-clevertap"
    again = browser.post("/recipes/gallery/deal", {"connection-0": "", "connection-1": ""})
    second = browser.tree(int(again.headers["Location"].rsplit("/", 1)[1]))
    assert second["name"] == "Deal to profile 2"
    assert "connection" not in second["trigger"]


def test_viewer_sees_no_buttons_that_change_something(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly, Role.VIEWER)
    number = browser.saved()
    assembly.recipes.publish(number)
    page = browser.get("/recipes")
    assert "New recipe" not in page
    assert "Switch off" not in page
    assert browser.post(f"/recipes/{number}/discard").status_code == 403
    browser.get("/recipes/new", status=403)
