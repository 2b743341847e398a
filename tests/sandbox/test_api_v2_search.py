"""Searches and field definitions over `/api/v2`."""

from __future__ import annotations

import pytest

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, refused


@pytest.fixture
def people(pd: PipedriveSandbox) -> dict[str, int]:
    """Two persons whose addresses share a part, and an organization."""
    organization = pd.create("organization", {"name": "Lumen GmbH", "address": {"value": "Quay 1, Riga"}})
    first = pd.create("person", {"name": "Ines Okafor", "emails": [{"value": "Ines@Lumen.example"}]})
    second = pd.create(
        "person",
        {"name": "Ines Other", "emails": [{"value": "xines@lumen.example"}], "org_id": organization["id"]},
    )
    return {"organization": organization["id"], "first": first["id"], "second": second["id"]}


def found(api: Api, path: str) -> list[int]:
    return [hit["item"]["id"] for hit in api.data("GET", f"/api/v2/{path}")["items"]]


def test_an_exact_search_matches_the_whole_text_in_any_case(api: Api, people: dict[str, int]) -> None:
    assert found(api, "persons/search?term=ines@LUMEN.example&fields=email&exact_match=true") == [
        people["first"]
    ]
    assert found(api, "persons/search?term=ines&fields=email&exact_match=true") == []
    both = found(api, "persons/search?term=ines@lumen&fields=email")
    assert sorted(both) == [people["first"], people["second"]]
    assert found(api, "persons/search?term=lumen.example&fields=name,phone") == []


def test_a_search_can_be_narrowed_to_an_organization(api: Api, people: dict[str, int]) -> None:
    path = f"persons/search?term=ines&organization_id={people['organization']}"
    assert found(api, path) == [people["second"]]


def test_a_search_item_has_its_own_shape(api: Api, people: dict[str, int]) -> None:
    hit = api.data("GET", "/api/v2/persons/search?term=xines@lumen.example&exact_match=true")["items"][0]
    item = hit["item"]
    assert hit["result_score"] > 0
    assert item["emails"] == ["xines@lumen.example"]
    assert item["organization"] == {
        "id": people["organization"],
        "name": "Lumen GmbH",
        "address": "Quay 1, Riga",
    }
    assert item["owner"].keys() == {"id"}


@pytest.mark.parametrize(
    "query",
    ["term=a", "term=%20a%20", "", "term=abc&fields=emails", "term=&exact_match=true", "term=ab&foo=1"],
)
def test_a_search_that_breaks_a_rule_is_refused(api: Api, query: str) -> None:
    refused(lambda: api("GET", f"/api/v2/persons/search?{query}"))


def test_one_character_is_enough_for_an_exact_search(pd: PipedriveSandbox, api: Api) -> None:
    made = pd.create("organization", {"name": "X"})
    assert found(api, "organizations/search?term=x&exact_match=true") == [made["id"]]


def test_searchable_custom_fields_are_found_and_others_are_not(pd: PipedriveSandbox, api: Api) -> None:
    user_id = pd.add_field("person", "User ID", "varchar").code
    size = pd.add_field("person", "Size", "double").code
    level = pd.add_field("person", "Level", "enum", ["Gold"])
    custom = {user_id: "u-77", size: 12.0, level.code: level.options[0]["id"]}
    person = pd.create("person", {"name": "A", "custom_fields": custom})
    for term in ("u-77", "12"):
        assert found(api, f"persons/search?term={term}&fields=custom_fields&exact_match=true") == [
            person["id"]
        ]
    assert found(api, f"persons/search?term={level.options[0]['id']}&fields=custom_fields") == []
    path = f"/api/v2/itemSearch/field?term=u-77&entity_type=person&match=exact&field={user_id}"
    assert api.data("GET", path) == [{"id": person["id"], user_id: "u-77"}]
    assert api.data("GET", path.replace("u-77", "U-77")) == []
    assert "not searchable" in refused(lambda: api("GET", path.replace(user_id, level.code)))


def test_notes_and_titles_are_searched(pd: PipedriveSandbox, api: Api) -> None:
    deal = pd.create("deal", {"title": "Rooftop array"})
    pd.create("note", {"content": "wants a battery", "deal_id": deal["id"]})
    assert found(api, "deals/search?term=battery&fields=notes") == [deal["id"]]
    assert found(api, "deals/search?term=battery&fields=title") == []
    assert found(api, "deals/search?term=rooftop&status=open") == [deal["id"]]
    assert found(api, "deals/search?term=rooftop&status=won") == []
    assert found(api, "itemSearch?term=rooftop&item_types=deal,person") == [deal["id"]]


def test_the_index_lags_behind_by_the_delay(pd: PipedriveSandbox, api: Api) -> None:
    now = 100.0
    pd.search_index.monotonic_s = lambda: now
    pd.search_delay_s = 5
    person = pd.create("person", {"name": "Late", "emails": [{"value": "late@x.example"}]})
    path = "persons/search?term=late@x.example&exact_match=true"
    assert found(api, path) == []
    assert [row["id"] for row in api.data("GET", "/api/v2/persons")] == [person["id"]]
    now += 5
    assert found(api, path) == [person["id"]]


def test_deleted_records_leave_the_index(pd: PipedriveSandbox, api: Api, people: dict[str, int]) -> None:
    pd.delete("person", people["first"])
    assert found(api, "persons/search?term=ines") == [people["second"]]


def test_search_results_page(pd: PipedriveSandbox, api: Api) -> None:
    made = [pd.create("person", {"name": f"Same {number}"})["id"] for number in range(5)]
    reply = api("GET", "/api/v2/persons/search?term=same&limit=3").json()
    cursor = reply["additional_data"]["next_cursor"]
    rest = found(api, f"persons/search?term=same&limit=3&cursor={cursor}")
    assert [hit["item"]["id"] for hit in reply["data"]["items"]] + rest == made


def test_field_definitions_page_and_know_their_options(pd: PipedriveSandbox, api: Api) -> None:
    pd.add_field("deal", "Roof type", "enum", ["Flat", "Pitched"])
    fields, cursor = [], ""
    while True:
        reply = api("GET", f"/api/v2/dealFields?limit=7{cursor}").json()
        fields += reply["data"]
        if reply["additional_data"]["next_cursor"] is None:
            break
        cursor = f"&cursor={reply['additional_data']['next_cursor']}"
    roof = next(field for field in fields if field["field_name"] == "Roof type")
    assert len({field["field_code"] for field in fields}) == len(fields) > 14
    assert len(roof["field_code"]) == 40
    assert [option["label"] for option in roof["options"]] == ["Flat", "Pitched"]
    assert api.data("GET", f"/api/v2/dealFields/{roof['field_code']}") == roof
    assert api("GET", "/api/v2/personFields/nonsense").status_code == 404
