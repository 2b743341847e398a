import pytest

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.triggers.deal_created import DealCreated
from automations.connectors.pipedrive.triggers.deal_stage_changed import DealStageChanged
from automations.connectors.pipedrive.triggers.person_updated import PersonUpdated
from automations.errors import CredentialsError, RejectedError

KIND = PipedriveConnection()


def test_the_test_names_company_user_and_budget(pd, client):
    pd.burst_limit = 40
    report = KIND.test(client)
    assert pd.company_name in report.summary
    assert report.facts["Company"] == f"{pd.company_name} (lumen)"
    assert report.facts["Admin"] == "yes"
    assert "sandy@brightfield.example" in report.facts["User"]


def test_a_wrong_token_fails_the_test(connect):
    with pytest.raises(CredentialsError):
        KIND.test(connect(api_token="wrong"))


# -- webhooks there

ADDRESS = "https://automations.example/hooks/pipedrive/abc"


def test_two_triggers_of_one_entity_use_one_webhook(pd, client):
    topics = KIND.hook_topics(DealCreated.topics + DealStageChanged.topics + PersonUpdated.topics)
    assert topics == {"deal", "person"}
    made = {topic: KIND.add_hook(client, topic, ADDRESS, ("user", "pass")) for topic in topics}
    found = KIND.list_hooks(client, ADDRESS)
    assert {(hook.topic, hook.remote_id) for hook in found} == set(made.items())
    assert all(hook.ours and hook.active for hook in found)
    (deal,) = [hook for hook in pd.webhooks if hook["event_object"] == "deal"]
    assert (deal["event_action"], deal["version"]) == ("*", "2.0")
    assert deal["name"]


def test_other_peoples_webhooks_are_told_apart(pd, client):
    KIND.add_hook(client, "deal", "https://elsewhere.example/x", ("u", "p"))
    body = {"subscription_url": ADDRESS, "event_action": "change", "event_object": "deal", "version": "1.0"}
    client.write("POST", "/api/v1/webhooks", {**body, "name": "old"})
    hooks = KIND.list_hooks(client, ADDRESS)
    assert [(hook.topic, hook.ours) for hook in hooks] == [("deal", False), ("deal.change@1.0", True)]


def test_a_removed_webhook_may_be_removed_again(pd, client):
    number = KIND.add_hook(client, "deal", ADDRESS, ("u", "p"))
    KIND.remove_hook(client, number)
    KIND.remove_hook(client, number)
    assert pd.webhooks == []


def test_the_limit_of_webhooks_is_told_in_words(pd, client):
    for number in range(40):
        KIND.add_hook(client, "deal", f"{ADDRESS}{number}", ("u", "p"))
    with pytest.raises(RejectedError, match="the limit is 40"):
        KIND.add_hook(client, "deal", ADDRESS, ("u", "p"))


def test_without_the_right_it_says_what_to_enter_by_hand(pd, client):
    pd.answer_next(403, path="/api/v1/webhooks", body='{"success": false, "message": "Forbidden"}')
    with pytest.raises(RejectedError) as refused:
        KIND.add_hook(client, "deal", ADDRESS, ("hook-user", "hook-pass-77"))
    assert ADDRESS in refused.value.message
    assert "event object deal" in refused.value.message
    assert "hook-pass-77" not in refused.value.message


def test_an_address_that_pipedrive_cannot_reach_is_told(pd, client):
    pd.verify_url = True
    with pytest.raises(RejectedError, match="PUBLIC_URL"):
        KIND.add_hook(client, "deal", "http://127.0.0.1:9/x", ("u", "p"))


def test_a_secret_of_the_hook_is_not_in_the_record_of_the_call(client):
    KIND.add_hook(client, "deal", ADDRESS, ("hook-user", "hook-pass-77"))
    assert "hook-pass-77" not in str([exchange.as_json() for exchange in client.door.exchanges])
