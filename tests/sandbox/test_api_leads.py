"""Leads: sorting, the archive, and their conversion into deals."""

from __future__ import annotations

from automations.sandbox import PipedriveSandbox
from tests.sandbox.parts import Api, refused


def lead(pd: PipedriveSandbox, **values: object) -> dict[str, object]:
    person = pd.create("person", {"name": "Ana"})
    return pd.create("lead", {"title": "Roof", "person_id": person["id"], **values})


def test_lists_of_v1_are_sorted_as_asked(pd: PipedriveSandbox, api: Api) -> None:
    for title in ("B", "A", "C"):
        lead(pd, title=title)
    assert [row["title"] for row in api.data("GET", "/v1/leads?sort=title DESC")] == ["C", "B", "A"]
    assert [row["title"] for row in api.data("GET", "/v1/leads")] == ["B", "A", "C"]
    assert "cannot sort" in refused(lambda: api("GET", "/v1/leads?sort=value DESC"))
    deal = pd.create("deal", {"title": "D"})
    for content in ("n1", "n2"):
        pd.create("note", {"content": content, "deal_id": deal["id"]})
    newest = api.data("GET", "/v1/notes?sort=add_time DESC, id DESC")
    assert [note["content"] for note in newest] == ["n2", "n1"]


def test_an_archived_lead_rests(pd: PipedriveSandbox, api: Api) -> None:
    path = f"/v1/leads/{lead(pd)['id']}"
    api.data("PATCH", path, {"is_archived": True})
    assert api.data("GET", "/v1/leads") == []
    assert [row["title"] for row in api.data("GET", "/v1/leads/archived")] == ["Roof"]
    assert "archived" in refused(lambda: api("PATCH", path, {"title": "X"}))
    assert "is_archived" in refused(lambda: api("POST", "/v1/leads", {"title": "X", "is_archived": True}))


def test_a_lead_becomes_a_deal_when_its_job_is_done(pd: PipedriveSandbox, api: Api) -> None:
    made = lead(pd, value={"amount": 900, "currency": "USD"})
    note = pd.create("note", {"content": "hi", "lead_id": made["id"]})
    pd.conversions.polls = 1
    path = f"/api/v2/leads/{made['id']}/convert"
    job = api.data("POST", f"{path}/deal", {"stage_id": 12})["conversion_id"]
    assert "already" in refused(lambda: api("POST", f"{path}/deal", {}))
    assert api.data("GET", f"{path}/status/{job}")["status"] == "running"
    done = api.data("GET", f"{path}/status/{job}")
    assert done["status"] == "completed"
    deal = api.data("GET", f"/api/v2/deals/{done['deal_id']}?include_fields=source_lead_id")
    assert (deal["value"], deal["currency"], deal["stage_id"]) == (900, "USD", 12)
    assert deal["source_lead_id"] == made["id"]
    assert pd.records("lead") == {}
    assert pd.records("note")[note["id"]]["deal_id"] == deal["id"]
    assert refused(lambda: api("POST", f"{path}/deal", {}), 404) == "Entity was not found"


def test_a_conversion_takes_a_stage_or_a_pipeline(pd: PipedriveSandbox, api: Api) -> None:
    path = f"/api/v2/leads/{lead(pd)['id']}/convert/deal"
    assert "either" in refused(lambda: api("POST", path, {"stage_id": 12, "pipeline_id": 1}))
    assert "no stage 99" in refused(lambda: api("POST", path, {"stage_id": 99}))
    assert "not allowed" in refused(lambda: api("POST", path, {"status": "won"}))
