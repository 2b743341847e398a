from __future__ import annotations

from typing import Any

import pytest

from automations.assembly import Assembly
from automations.engine.definition import read_definition
from automations.model.states import Role
from tests.web.builder_pages import Browser
from tests.web.test_builder_form import DEAL_TO_PROFILE

IDENTITY = "steps/0/fields/identity"
HOSTILE = "<img src=x onerror=alert(1)>\u202e{{ 7 * 7 }}"


def previewed(browser: Browser, number: int, **changes: str) -> dict[str, Any]:
    answer = browser.post(f"/recipes/{number}/preview", {**browser.form(number), **changes})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json or {}
    return found


# -- the form


def test_page_holds_the_whole_form(browser: Browser) -> None:
    tree = read_definition(DEAL_TO_PROFILE).as_tree()
    number = browser.saved(DEAL_TO_PROFILE)
    answer = browser.post(f"/recipes/{number}/save", browser.form(number))
    assert answer.status_code == 200
    assert browser.tree(number) == tree


def test_what_is_typed_is_kept_mistakes_and_all(browser: Browser) -> None:
    number = browser.saved()
    typed = {
        IDENTITY: "{{ deel.id",
        "steps/0/wait": "soon",
        "steps/0/connection": "gone",
        "only_if/0/op": "nonsense",
    }
    answer = browser.post(f"/recipes/{number}/save", {**browser.form(number), **typed})
    assert "Draft, saved" in answer.text
    step = browser.tree(number)["steps"][0]
    assert (step["fields"]["identity"], step["wait"], step["connection"]) == ("{{ deel.id", "soon", "gone")
    page = browser.get(f"/recipes/{number}")
    assert "{{ deel.id" in page
    assert "is not a time" in page


def test_name_that_is_taken_is_refused_and_the_rest_is_kept(browser: Browser) -> None:
    browser.saved()
    number = browser.saved(DEAL_TO_PROFILE)
    typed = {"name": "Deal to profile", "description": "new words"}
    answer = browser.post(f"/recipes/{number}/save", {**browser.form(number), **typed})
    assert "There is a recipe named &#39;Deal to profile&#39; already" in answer.text
    assert browser.tree(number)["description"] == "new words"
    assert browser.tree(number)["name"] == "New deal to profile"


def test_new_recipe_begins_with_a_trigger(browser: Browser) -> None:
    assert "Deal created" in browser.get("/recipes/new")
    answer = browser.post("/recipes/new", {"op": "trigger:pipedrive.deal_created"})
    assert answer.status_code == 302
    page = browser.get(answer.headers["Location"])
    assert "Choose what to do" in page
    assert "Office chairs" in page


def test_first_step_gives_the_recipe_a_telling_name(browser: Browser) -> None:
    answer = browser.post("/recipes/new", {"op": "trigger:pipedrive.deal_created"})
    number = int(answer.headers["Location"].rsplit("/", 1)[1])
    form = {**browser.form(number), "op": "add-step:clevertap.upload_profile"}
    answer = browser.post(f"/recipes/{number}/edit", form, htmx=True)
    assert 'value="Deal created → create or update a profile in CleverTap"' in answer.text
    assert browser.tree(number)["steps"][0]["fields"] == {"identity": "{{ deal.id }}"}


def test_change_of_shape_keeps_what_was_typed(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), IDENTITY: "typed just now", "op": "add-row:steps/0/fields/properties"}
    answer = browser.post(f"/recipes/{number}/edit", form, htmx=True)
    assert "typed just now" in answer.text
    assert browser.tree(number)["steps"][0]["fields"]["properties"][""] == ""


def test_removed_step_comes_back(browser: Browser) -> None:
    number = browser.saved()
    before = browser.tree(number)
    answer = browser.post(
        f"/recipes/{number}/edit", {**browser.form(number), "op": "remove:steps/0"}, htmx=True
    )
    assert "Step profile was removed." in answer.text
    undo = answer.text.split('name="undo" hidden>\n')[1].split("</textarea>")[0]
    form = {**browser.form(number), "op": "undo", "undo": undo.replace("&#34;", '"')}
    browser.post(f"/recipes/{number}/edit", form, htmx=True)
    assert browser.tree(number) == before


def test_without_a_script_every_change_leads_back_to_the_page(browser: Browser) -> None:
    number = browser.saved()
    answer = browser.post(f"/recipes/{number}/edit", {**browser.form(number), "op": "duplicate:steps/0"})
    assert answer.headers["Location"] == f"/recipes/{number}#recipe"
    assert [step["name"] for step in browser.tree(number)["steps"]] == ["profile", "profile_2"]


# -- previews


def test_every_field_tells_its_value_and_type(browser: Browser) -> None:
    found = previewed(browser, browser.saved())
    assert found["lines"][IDENTITY] == {
        "state": "value",
        "text": "ingrid@fjord-furniture.example",
        "type": "text",
    }
    gone = found["lines"]["steps/0/fields/properties/rows/1/value"]
    assert gone == {"state": "left_out", "text": "left out (empty here)", "type": ""}
    assert found["conditions"]["only_if/0"]["passed"] is True
    assert found["conditions"]["only_if/0"]["seen"] == "18400"
    assert found["conditions"]["only_if"]["text"] == "passes on this sample"
    assert found["words"][IDENTITY]["words"] == ["Deal", "Person", "E-mail"]
    assert found["words"][IDENTITY]["reads"] == ["deal/person/email"]
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("{{ deal.person.emial }}", "Did you mean 'email'?"),
        ("{{ deel.id }}", "Did you mean 'deal'?"),
        ("{{ deal.id", "cannot be read"),
        ("{{ deal.id | lowr }}", "Did you mean 'lower'?"),
    ],
)
def test_mistake_is_told_at_its_field_with_a_suggestion(browser: Browser, typed: str, said: str) -> None:
    line = previewed(browser, browser.saved(), **{IDENTITY: typed})["lines"][IDENTITY]
    assert said in line["text"]


def test_preview_saves_nothing(browser: Browser) -> None:
    number = browser.saved()
    before = browser.tree(number)
    previewed(browser, number, **{IDENTITY: "{{ deal.id }}", "name": "Other"})
    assert browser.tree(number) == before


def test_later_step_is_previewed_with_what_the_earlier_gives(browser: Browser) -> None:
    found = previewed(browser, browser.saved(DEAL_TO_PROFILE.replace("acme-clevertap", "acme-clevertap")))
    line = found["lines"]["steps/1/fields/content"]
    assert line["text"] == "Sent as ingrid@fjord-furniture.example"
    assert found["lines"]["steps/1/for_each"]["text"] == "1 times on this sample"
    assert found["conditions"]["steps/1/only_if"]["text"] == "runs on this sample"


def test_condition_that_fails_tells_the_value_seen(browser: Browser) -> None:
    found = previewed(browser, browser.saved(), **{"only_if/0/right": "90000"})
    assert found["conditions"]["only_if/0"]["passed"] is False
    assert found["conditions"]["only_if"] == {"passed": False, "text": "filtered on this sample"}


def test_what_can_be_done_to_a_value_is_shown_on_the_sample(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), "source": "{{ deal.person.name }}"}
    answer = browser.post(f"/recipes/{number}/filters", form, htmx=True)
    assert 'data-template="{{ deal.person.name | first_name }}"' in answer.text
    assert "→ Ingrid<" in answer.text
    rich = browser.post(f"/recipes/{number}/filters", {**form, "source": "a {{ deal.id }}"}, htmx=True)
    assert "Nothing to offer" in rich.text


# -- samples


def test_pasted_record_becomes_the_sample(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), "pasted": '{"id": 7, "value": 3}', "pasted_name": "Mine"}
    answer = browser.post(f"/recipes/{number}/sample/paste", form, htmx=True)
    assert "Mine (pasted" in answer.text
    found = previewed(browser, number)
    assert found["conditions"]["only_if/0"]["seen"] == "3"


def test_what_cannot_be_read_is_not_lost(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), "pasted": '{"broken": ', "pasted_name": "Mine"}
    answer = browser.post(f"/recipes/{number}/sample/paste", form, htmx=True)
    assert "{&#34;broken&#34;: " in answer.text
    assert "not valid JSON" in answer.text


def test_account_that_cannot_be_reached_is_told_beside_the_button(browser: Browser) -> None:
    number = browser.saved()
    answer = browser.post(f"/recipes/{number}/sample/pull", browser.form(number), htmx=True)
    assert 'role="alert"' in answer.text
    assert "127.0.0.1" in answer.text


def test_hostile_records_and_names_stay_text(browser: Browser) -> None:
    number = browser.saved()
    record = f'{{"id": 7, "title": "{HOSTILE}", "<b>key</b>": {{"\'\\"><i>": 1}}, "person": {{"name": "{HOSTILE}"}}}}'
    form = {**browser.form(number), "pasted": record, "pasted_name": HOSTILE}
    form |= {"description": HOSTILE, "steps/0/fields/properties/rows/0/key": HOSTILE}
    answers = [browser.post(f"/recipes/{number}/sample/paste", form, htmx=True).text]
    browser.post(f"/recipes/{number}/save", form)
    form = browser.form(number)
    answers += [
        browser.get(f"/recipes/{number}"),
        browser.get("/recipes"),
        browser.get(f"/recipes/{number}/versions"),
    ]
    answers += [browser.post(f"/recipes/{number}/test", {**form, "mode": "offline"}, htmx=True).text]
    answers += [browser.post(f"/recipes/{number}/publish-sheet", form, htmx=True).text]
    for text in answers:
        assert "<img" not in text
        assert "<i>" not in text
        assert "<b>key" not in text
    assert "⟨U+202E⟩" in answers[0]
    assert not any(" 49" in text for text in answers)


# -- the test-run


def test_offline_run_shows_the_exact_request(browser: Browser) -> None:
    number = browser.saved()
    answer = browser.post(f"/recipes/{number}/test", {**browser.form(number), "mode": "offline"}, htmx=True)
    assert "It works for this sample" in answer.text
    assert "http://127.0.0.1:9/1/upload" in answer.text
    assert "ingrid@fjord-furniture.example" in answer.text
    assert "Nothing left this machine." in answer.text
    assert "passcode-of-acme" not in answer.text


def test_run_that_fails_leads_to_the_field(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), IDENTITY: "{{ deal.lost_reason }}", f"{IDENTITY}/missing": "fail"}
    answer = browser.post(f"/recipes/{number}/test", {**form, "mode": "offline"}, htmx=True)
    assert "It would stop and ask a person" in answer.text
    assert f'data-go="{IDENTITY}"' in answer.text


def test_recipe_with_mistakes_says_what_to_mend_first(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), "steps/0/connection": "gone", "mode": "offline"}
    answer = browser.post(f"/recipes/{number}/test", form, htmx=True)
    assert "It cannot be tested yet." in answer.text
    assert 'data-go="steps/0/connection"' in answer.text


def test_live_run_asks_first_and_sends_only_when_told(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), "mode": "live"}
    asked = browser.post(f"/recipes/{number}/test", form, htmx=True)
    assert "Send this for real?" in asked.text
    assert "POST http://127.0.0.1:9/1/upload" in asked.text
    sent = browser.post(f"/recipes/{number}/test", {**form, "confirm": "1"}, htmx=True)
    assert "This was sent for real." in sent.text
    assert "It would stop and ask a person" in sent.text


def test_check_says_that_nothing_was_stored(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), "mode": "live", "confirm": "1", "validate": "1"}
    checked = browser.post(f"/recipes/{number}/test", form, htmx=True)
    assert "Targets that can were asked to check; nothing was stored." in checked.text
    assert "This was sent for real." not in checked.text


def test_live_run_needs_a_publisher(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly, Role.EDITOR)
    number = browser.saved()
    form = {**browser.form(number), "mode": "live", "confirm": "1"}
    answer = browser.post(f"/recipes/{number}/test", form, htmx=True)
    assert "needs the role publisher" in answer.text


# -- publishing


def test_publishing_says_what_changes_and_switches_on(browser: Browser) -> None:
    number = browser.saved()
    sheet = browser.post(f"/recipes/{number}/publish-sheet", browser.form(number), htmx=True)
    assert "A new recipe with 1 step." in sheet.text
    answer = browser.post(f"/recipes/{number}/publish", {"enabled": "1", "note": "first"}, htmx=True)
    assert answer.headers["HX-Redirect"] == f"/recipes/{number}"
    view = browser.assembly.recipes.get_by_id(number)
    assert view.published is not None
    assert (view.recipe.enabled, view.published.note) == (True, "first")
    page = browser.get(f"/recipes/{number}")
    assert "is published and on. To try it, make this happen: a deal is created" in page
    assert "The webhooks of acme could not be set up" in page


def test_recipe_with_mistakes_is_not_published(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), IDENTITY: "{{ deel.id }}"}
    sheet = browser.post(f"/recipes/{number}/publish-sheet", form, htmx=True)
    assert "1 thing to mend first." in sheet.text
    assert f'data-go="{IDENTITY}"' in sheet.text
    answer = browser.post(f"/recipes/{number}/publish", {"enabled": "1"}, htmx=True)
    assert answer.status_code == 422
    assert browser.assembly.recipes.get_by_id(number).published is None


def test_property_without_a_name_is_a_mistake_at_its_row(browser: Browser) -> None:
    number = browser.saved()
    form = {**browser.form(number), "steps/0/fields/properties/rows/0/key": ""}
    sheet = browser.post(f"/recipes/{number}/publish-sheet", form, htmx=True)
    assert "This property has no name." in sheet.text
    assert 'data-go="steps/0/fields/properties/rows/1/value"' in sheet.text or "rows/0/value" in sheet.text


def test_blank_rows_do_not_reach_what_is_published(browser: Browser) -> None:
    number = browser.saved()
    for op in ("add-condition:only_if", "add-row:steps/0/fields/properties"):
        browser.post(f"/recipes/{number}/edit", {**browser.form(number), "op": op}, htmx=True)
    browser.post(f"/recipes/{number}/publish", {"enabled": "1"}, htmx=True)
    published = browser.assembly.recipes.get_by_id(number).published
    assert published is not None
    assert published.definition["only_if"] == {
        "all": [{"left": "{{ deal.value }}", "op": "gte", "right": 1000}]
    }
    assert list(published.definition["steps"][0]["fields"]["properties"]) == ["Name", "Gone"]


# -- roles


def test_viewer_looks_and_changes_nothing(assembly: Assembly) -> None:
    browser = Browser.signed_in(assembly, Role.VIEWER)
    number = browser.saved()
    page = browser.get(f"/recipes/{number}")
    assert "needs the role editor" in page
    assert 'id="publish"' not in page
    for path in (
        "save",
        "edit",
        "preview",
        "test",
        "sample",
        "sample/pull",
        "sample/paste",
        "filters",
        "render",
    ):
        assert browser.post(f"/recipes/{number}/{path}").status_code == 403, path


@pytest.mark.parametrize("path", ["publish-sheet", "publish", "switch", "versions/1/rollback"])
def test_editor_does_not_publish(assembly: Assembly, path: str) -> None:
    browser = Browser.signed_in(assembly, Role.EDITOR)
    assert browser.post(f"/recipes/{browser.saved()}/{path}").status_code == 403
