import pytest

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.engine.contracts import topic_fits
from automations.engine.registry import Registry
from automations.sandbox import PipedriveSandbox

TRIGGERS = {
    key: one
    for key, one in Registry.discover(entry_points=False).triggers.items()
    if key.startswith("pipedrive.") and "product" not in key
}


def pull(key, client, limit=5, **fields):
    trigger = TRIGGERS[key]()
    return trigger.pull(trigger.Fields(**fields), client, limit)


@pytest.fixture
def demo(pd: PipedriveSandbox) -> PipedriveSandbox:
    pd.seed_demo()
    person = next(iter(pd.records("person")))
    pd.create("note", {"content": "Hello", "person_id": person})
    pd.create("lead", {"title": "Tables", "person_id": person})
    pd.create("activity", {"subject": "Call"})
    return pd


@pytest.mark.parametrize("key", sorted(TRIGGERS))
def test_real_samples_pass_their_own_trigger(demo, client, key):
    if key == "pipedrive.deal_lost":
        deal = next(iter(demo.records("deal")))
        demo.update("deal", deal, {"status": "lost"})
    if key == "pipedrive.activity_completed":
        demo.update("activity", next(iter(demo.records("activity"))), {"done": True})
    found = pull(key, client)
    assert found
    for sample in found:
        assert TRIGGERS[key]().occurred(sample) is None
        assert topic_fits(sample.topic, TRIGGERS[key].topics)
        assert sample.label
    assert PipedriveConnection().needs(found[0].entity, []) == frozenset()


def test_the_record_changed_last_comes_first(demo, client):
    deal = list(demo.records("deal"))[3]
    demo.update("deal", deal, {"title": "Touched"})
    assert pull("pipedrive.deal_updated", client)[0].record["title"] in {
        record["title"]
        for record in demo.records("deal").values()
        if record["update_time"] == demo.records("deal")[deal]["update_time"]
    }


def test_samples_are_narrowed_as_the_fields_say(demo, client):
    service = next(row for row in demo.records("pipeline").values() if row["name"] == "Service contracts")
    found = pull("pipedrive.deal_created", client, pipeline="Service contracts")
    assert {sample.record["pipeline_id"] for sample in found} == {service["id"]}
    assert len(found) == 2
    assert all(sample.record["status"] == "won" for sample in pull("pipedrive.deal_won", client))
    assert pull("pipedrive.deal_created", client, pipeline="No such") == []
    assert len(pull("pipedrive.person_created", client, limit=3)) == 3


def test_a_stage_change_gets_a_plausible_earlier_stage(demo, client):
    stages = demo.records("stage")
    for sample in pull("pipedrive.deal_stage_changed", client, limit=20, direction="forward"):
        before, now = stages[sample.previous["stage_id"]], stages[sample.record["stage_id"]]
        assert before["pipeline_id"] == now["pipeline_id"]
        assert before["order_nr"] < now["order_nr"]
    found = pull("pipedrive.deal_stage_changed", client, to_stage="Negotiation", from_stage="Lead in")
    assert found
    assert {stages[sample.previous["stage_id"]]["name"] for sample in found} == {"Lead in"}
    assert {stages[sample.record["stage_id"]]["name"] for sample in found} == {"Negotiation"}


def test_an_update_of_one_field_has_that_field(demo, client):
    found = pull("pipedrive.deal_updated", client, changed_field="Roof type")
    assert found
    assert all(list(sample.previous) == ["custom_fields"] for sample in found)
    assert all(
        sample.previous == {"value": None}
        for sample in pull("pipedrive.deal_updated", client, changed_field="value")
    )
