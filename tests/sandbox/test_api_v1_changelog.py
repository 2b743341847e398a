"""What changed in a record, over `/v1`."""

from __future__ import annotations

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, refused


def test_what_a_write_changed_is_told_newest_first(pd: PipedriveSandbox, api: Api) -> None:
    deal = pd.create("deal", {"title": "A", "value": 10})
    pd.update("deal", deal["id"], {"title": "B"})
    pd.update("deal", deal["id"], {"value": 20}, change_source="api")
    path = f"/api/v1/deals/{deal['id']}/changelog"
    first, second = api.data("GET", path)
    assert (first["field_key"], first["old_value"], first["new_value"]) == ("value", "10", "20")
    assert (second["field_key"], second["old_value"], second["new_value"]) == ("title", "A", "B")
    assert (first["change_source"], second["change_source"]) == ("api", "app")
    assert len(first["time"]) == len("2026-01-01 00:00:00")


def test_it_comes_in_pages(pd: PipedriveSandbox, api: Api) -> None:
    person = pd.create("person", {"name": "A"})
    for number in range(5):
        pd.update("person", person["id"], {"name": f"A{number}"})
    seen, cursor = [], ""
    while True:
        body = api("GET", f"/v1/persons/{person['id']}/changelog?limit=2{cursor}").json()
        seen += [entry["new_value"] for entry in body["data"] if entry["field_key"] == "name"]
        following = body["additional_data"]["next_cursor"]
        if following is None:
            break
        cursor = f"&cursor={following}"
    assert seen == ["A4", "A3", "A2", "A1", "A0"]


def test_a_record_that_is_not_there_has_none(pd: PipedriveSandbox, api: Api) -> None:
    assert "not found" in refused(lambda: api("GET", "/v1/deals/999/changelog"), 404)
    assert "limit" in refused(lambda: api("GET", "/v1/deals/1/changelog?limit=x"))
