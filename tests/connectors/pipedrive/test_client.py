import pytest

from automations.connectors.pipedrive.client import PipedriveClient
from automations.errors import CredentialsError, OutcomeUnknownError, RejectedError, UnavailableError
from tests.connectors.pipedrive.account_lists import Remembered
from tests.connectors.pipedrive.conftest import TOKEN


def test_the_token_travels_in_a_header_and_nowhere_else(pd, client):
    client.get("/api/v1/users/me")
    client.create("person", {"name": "Ana"})
    assert pd.tokens_in_urls == 0
    assert TOKEN not in str([exchange.as_json() for exchange in client.door.exchanges])
    assert all(request.status < 300 for request in pd.requests)


def test_a_record_that_is_not_there_is_none(pd, client):
    gone = pd.create("person", {"name": "Ana"})["id"]
    pd.delete("person", gone)
    assert client.by_id("person", 4711) is None
    assert client.by_id("person", gone) is None
    assert client.by_id("note", 4711) is None


def test_many_records_take_one_call_for_a_hundred_ids(pd, client):
    numbers = [pd.create("person", {"name": f"P{index}"})["id"] for index in range(103)]
    found = client.by_ids("person", [*numbers, 999_999])
    assert set(found) == set(numbers)
    assert len(pd.requests) == 2
    pd.requests.clear()
    assert set(client.by_ids("person", [numbers[0], numbers[0]])) == {numbers[0]}
    assert pd.requests[0].path == f"/api/v2/persons/{numbers[0]}"


def test_a_search_reads_every_page(pd, client):
    for _ in range(130):
        pd.create("person", {"name": "Twin"})
    assert len(set(client.search("person", "twin", "name"))) == 130


def test_the_newest_come_first_page_by_page(pd, client):
    numbers = [pd.create("deal", {"title": f"D{index}"})["id"] for index in range(120)]
    assert [deal["id"] for deal in client.newest("deal", "id", most=110)] == numbers[::-1][:110]


def test_lists_are_fetched_whole_and_once(pd, client, directory):
    pd.seed_demo()
    assert client.lists.get("stages") == client.lists.get("stages")
    assert {stage["name"] for stage in directory["stages"]} >= {"Lead in", "Negotiation"}
    assert len(pd.requests) == 1
    roof = next(entry for entry in client.lists.fields("deal") if entry["name"] == "Roof type")
    assert roof["is_custom"]
    assert {"id", "label"} == set(roof["options"][0])
    for name in ("users", "pipelines", "activity_types", "lead_labels", "activity_fields"):
        assert all(entry["id"] and entry["name"] for entry in client.lists.fetch(name)), name


def test_field_lists_longer_than_a_page_are_read_to_their_end(pd, client):
    for index in range(600):
        pd.add_field("person", f"Field {index}", "varchar")
    assert sum(entry["is_custom"] for entry in client.lists.fields("person")) == 600


# -- what answers mean


def error_of(client, pd, status, **order):
    pd.answer_next(status, **order)
    with pytest.raises((UnavailableError, RejectedError, CredentialsError, OutcomeUnknownError)) as raised:
        client.create("person", {"name": "Ana"})
    return raised.value


def test_a_burst_limit_waits_as_long_as_the_header_says(pd, client):
    error = error_of(client, pd, 429, headers={"x-ratelimit-reset": "7"})
    assert isinstance(error, UnavailableError)
    assert (error.retry_after_s, error.whole_connection) == (7, True)
    assert error_of(client, pd, 429, retry_after_s=11).retry_after_s == 11
    assert error_of(client, pd, 429, headers={"x-ratelimit-reset": "nonsense"}).retry_after_s == 2


def test_an_empty_daily_budget_waits_until_midnight(pd, client):
    error = error_of(
        client, pd, 429, headers={"x-daily-ratelimit-token-remaining": "0", "x-ratelimit-reset": "2"}
    )
    assert 60 <= error.retry_after_s <= 86_400
    assert "daily budget" in error.message


def test_a_page_of_the_network_in_front_backs_off_for_long(pd, client):
    error = error_of(client, pd, 403, body="<html>Attention required</html>")
    assert isinstance(error, UnavailableError)
    assert (error.retry_after_s, error.whole_connection) == (300, True)


def test_what_the_owner_must_mend_pauses_the_connection(pd, client, connect):
    with pytest.raises(CredentialsError, match="API token"):
        connect(api_token="wrong").get("/api/v1/users/me")
    assert isinstance(error_of(client, pd, 402), CredentialsError)


@pytest.mark.parametrize(
    ("status", "body", "said", "code"),
    [
        (403, '{"success": false, "error": "Scope and URL mismatch"}', "Scope and URL mismatch", "403"),
        (
            403,
            '{"success": false, "error": "Limit reached.", "code": "feature_capping_deals_limit"}',
            "plan's limit",
            "feature_capping_deals_limit",
        ),
        (
            400,
            '{"success": false, "error": "name: must not be empty", "code": "ERR_SCHEMA_VALIDATION_FAILED"}',
            "name: must not be empty",
            "ERR_SCHEMA_VALIDATION_FAILED",
        ),
        (400, '{"success": false, "message": "Forbidden"}', "Forbidden", "400"),
        (
            400,
            '{"status": "error", "success": false, "errors": {"url": ["bad", "worse"]}}',
            "url: bad, worse",
            "400",
        ),
        (410, '{"success": false, "error": "Gone"}', "Gone", "410"),
        (404, '{"success": false, "error": "Person not found"}', "Person not found", "404"),
        (404, "<html></html>", "without a reason", "404"),
        (200, '{"success": false, "error": "Not really"}', "Not really", "200"),
    ],
)
def test_a_refusal_says_what_pipedrive_said(pd, client, status, body, said, code):
    error = error_of(client, pd, status, body=body)
    assert isinstance(error, RejectedError)
    assert said in error.message
    assert error.code == code


def test_an_answer_that_is_no_json_leaves_a_write_in_doubt_and_a_read_undone(pd, client):
    pd.garbage_next(path="/api/v2/persons", after_work=True)
    with pytest.raises(OutcomeUnknownError):
        client.create("person", {"name": "Ana"})
    pd.garbage_next(path="/api/v2/persons/*")
    with pytest.raises(UnavailableError):
        client.by_id("person", 1)
    pd.answer_next(200, body="[]", path="/api/v2/persons/*")
    with pytest.raises(UnavailableError):
        client.by_id("person", 1)


def test_a_client_opens_nothing(connect):
    client = connect()
    assert isinstance(client, PipedriveClient)
    assert client.door.exchanges == []
    assert Remembered() == {}
