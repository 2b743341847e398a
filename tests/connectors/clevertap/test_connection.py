from __future__ import annotations

import pytest

from automations.connectors.clevertap.actions.delete_profile import DeleteProfile
from automations.connectors.clevertap.client import ClevertapClient
from automations.connectors.clevertap.connection import ClevertapConnection
from automations.engine.contracts import Call
from automations.errors import (
    CredentialsError,
    FieldsError,
    OutcomeUnknownError,
    RejectedError,
    UnavailableError,
)
from automations.sandbox import ClevertapSandbox
from tests.connectors.clevertap.conftest import Connect

KIND, DELETE = ClevertapConnection(), DeleteProfile()


def test_a_right_account_is_told_so(client: ClevertapClient) -> None:
    report = KIND.test(client)
    assert "accepts" in report.summary
    assert report.facts == {"Address": client.settings.root}


def test_a_wrong_passcode_may_be_a_wrong_region(connect: Connect) -> None:
    with pytest.raises(CredentialsError, match="another region"):
        KIND.test(connect(passcode="wrong-111222"))


@pytest.mark.parametrize("body", ["<h1>It works</h1>", "{}", "[]"])
def test_something_else_at_the_address_is_told_so(
    ct: ClevertapSandbox, client: ClevertapClient, body: str
) -> None:
    ct.answer_next(200, body=body)
    with pytest.raises(RejectedError, match="not CleverTap"):
        KIND.test(client)


def test_an_account_that_cannot_be_reached_is_not_refused(
    ct: ClevertapSandbox, client: ClevertapClient
) -> None:
    ct.answer_next(500)
    with pytest.raises(UnavailableError):
        KIND.test(client)


def test_a_profile_is_deleted_once_or_twice(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    ct.profiles["7"] = {"Name": "Ines"}
    for _ in range(2):
        outcome = DELETE.perform(DeleteProfile.Fields(identity="7"), client, Call("k"))
        assert outcome.outputs == {"identity": "7", "object_id": None}
    assert ct.profiles == {}
    DELETE.perform(DeleteProfile.Fields(object_id="dev-1"), client, Call("k"))
    assert ct.requests[-1].json == {"guid": ["dev-1"]}


def test_a_check_deletes_nothing(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    outcome = DELETE.perform(DeleteProfile.Fields(identity="7"), client, Call("k", validate_only=True))
    assert ct.requests == []
    assert "Would delete" in outcome.summary


@pytest.mark.parametrize("given", [{}, {"identity": "7", "object_id": "dev-1"}])
def test_deleting_takes_exactly_one_id(given: dict[str, str]) -> None:
    with pytest.raises(FieldsError):
        DELETE.check(DeleteProfile.Fields(**given))


def test_a_refused_deletion_is_parked(ct: ClevertapSandbox, client: ClevertapClient) -> None:
    ct.answer_next(400)
    with pytest.raises(RejectedError, match="did not delete"):
        DELETE.perform(DeleteProfile.Fields(identity="7"), client, Call("k"))
    ct.garbage_next()
    with pytest.raises(OutcomeUnknownError):
        DELETE.perform(DeleteProfile.Fields(identity="7"), client, Call("k"))
