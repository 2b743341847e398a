"""Every upsert in every situation: whatever the account answers, the end is one right record, or none.

A delivery is carried out as the runner does it: again after "nothing was done", and looked up after a doubt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from automations.connectors.http import Door, NetworkPolicy, SessionPool
from automations.connectors.pipedrive.actions.upsert_activity import UpsertActivity
from automations.connectors.pipedrive.actions.upsert_deal import UpsertDeal
from automations.connectors.pipedrive.actions.upsert_lead import UpsertLead
from automations.connectors.pipedrive.actions.upsert_note import UpsertNote
from automations.connectors.pipedrive.actions.upsert_organization import UpsertOrganization
from automations.connectors.pipedrive.actions.upsert_person import UpsertPerson
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.engine.contracts import Call
from automations.errors import AmbiguousMatchError, OutcomeUnknownError, UnavailableError
from automations.sandbox import PipedriveSandbox
from tests.connectors.pipedrive.account_lists import Remembered
from tests.connectors.pipedrive.conftest import TOKEN
from tests.connectors.pipedrive.doing import writes

ANA = "ana@lumen.example"
WITH_ANA = {"person_match_value": ANA}
# Only of the one call that shall time out: any other may be slow on a busy machine and must not.
IMPATIENCE_S = 1.0
ATTEMPTS = 4


@dataclass(frozen=True)
class Case:
    """One upsert. makes: what is mapped for a new record. key, value, new_value: what an update changes.

    found_by: the entity whose look-up decides; that of its person where the record itself is never searched.
    """

    action: Any
    entity: str
    makes: dict[str, Any]
    key: str
    value: Any
    new_value: Any
    found_by: str = ""
    id_field: str = ""
    seed: dict[str, Any] = field(default_factory=dict)

    @property
    def looked_up(self) -> str:
        return self.found_by or self.entity

    @property
    def collection(self) -> str:
        plural = {"activity": "activities"}.get(self.entity, f"{self.entity}s")
        return f"/api/{'v1' if self.entity in ('lead', 'note') else 'v2'}/{plural}"

    @property
    def search(self) -> str:
        return f"/api/v2/{self.looked_up}s/search"


CASES = [
    Case(
        UpsertPerson,
        "person",
        {"match_value": ANA, "name": "Ana"},
        "name",
        "Ana",
        "Anna",
        seed={"name": "Ana", "emails": [{"value": ANA}]},
    ),
    Case(
        UpsertOrganization,
        "organization",
        {"match_value": "Lumen", "visible_to": 3},
        "visible_to",
        3,
        5,
        seed={"name": "Lumen"},
    ),
    Case(
        UpsertDeal,
        "deal",
        {"match_field": "title", "match_value": "Roof", "value": 7},
        "value",
        7,
        9,
        seed={"title": "Roof", "value": 7},
    ),
    Case(
        UpsertLead,
        "lead",
        {"match_field": "title", "match_value": "Roof", "title": "Roof", "organization_match_value": "Lumen"}
        | {"organization_missing": "create", "expected_close_date": "2027-01-01"},
        "expected_close_date",
        "2027-01-01",
        "2027-02-02",
        seed={"title": "Roof", "expected_close_date": "2027-01-01"},
    ),
    Case(
        UpsertActivity,
        "activity",
        {"subject": "Call", **WITH_ANA, "person_missing": "create"},
        "subject",
        "Call",
        "Visit",
        found_by="person",
        id_field="activity_id",
        seed={"subject": "Call"},
    ),
    Case(
        UpsertNote,
        "note",
        {"content": "Hello", **WITH_ANA, "person_missing": "create"},
        "content",
        "Hello",
        "Bye",
        found_by="person",
        id_field="note_id",
        seed={"content": "Hello"},
    ),
]
BY_KEY = pytest.mark.parametrize("case", CASES, ids=lambda case: case.entity)


class ImpatientDoor(Door):
    """Waits long for every answer but those that the sandbox was told to be late with."""

    late: Callable[[str, str], bool]

    def send(self, method, url, **more):
        if self.late(method, urlsplit(url).path):
            more["timeout_s"] = IMPATIENCE_S
        return super().send(method, url, **more)


class LateAnswers:
    """Which answers the sandbox is late with: those to the next call of a path, of one method or any."""

    def __init__(self, pd: PipedriveSandbox) -> None:
        self._pd = pd
        self._calls: list[tuple[str, str | None]] = []

    def late_next(self, path: str, method: str | None = None, after_work: bool = False) -> None:
        self._pd.delay_next(60, path=path, method=method, after_work=after_work)
        self._calls.append((path, method))

    def __call__(self, method: str, path: str) -> bool:
        found = [call for call in self._calls if call[0] == path and call[1] in (None, method)]
        self._calls = [call for call in self._calls if call not in found]
        return bool(found)


@pytest.fixture
def late(pd):
    return LateAnswers(pd)


@pytest.fixture
def account(pd, url, late):
    pool = SessionPool(NetworkPolicy(["127.0.0.0/8"]))
    remembered = Remembered()

    def client():
        kind = PipedriveConnection()
        settings = PipedriveSettings(base_url=url, api_token=TOKEN)
        door = ImpatientDoor(pool, connection="acme", secrets=[TOKEN], allowed_hosts=kind.hosts(settings))
        door.late = late
        return kind.client(settings, door, remembered)

    yield client
    pd.behave()
    pool.close()


def deliver(case, client, **more):
    """Carry one delivery out to its end; return its outcome and the errors on the way."""
    action, errors, in_doubt = case.action(), [], False
    fields = action.Fields(**{**case.makes, **more})
    for attempt in range(1, ATTEMPTS + 1):
        call = Call("key", attempt, in_doubt, now="2026-11-22T10:00:00Z", first_at="2026-11-22T10:00:00Z")
        try:
            settled = action.settle(fields, client(), call) if in_doubt else None
            return settled or action.perform(fields, client(), call), errors
        except OutcomeUnknownError as error:
            errors.append(error)
            in_doubt = True
        except UnavailableError as error:
            errors.append(error)
    raise errors[-1]


def seeded(pd, case, times=1):
    """Put the record there already, with the person or organization that it is on."""
    link: dict[str, Any] = {}
    if case.entity == "lead":
        link = {"organization_id": pd.create("organization", {"name": "Lumen"})["id"]}
    if case.found_by:
        people = [
            pd.create("person", {"name": "Ana", "emails": [{"value": ANA}]})["id"] for _ in range(times)
        ]
        note = {"person_id": people[0]}
        link = (
            note if case.entity == "note" else {"participants": [{"person_id": people[0], "primary": True}]}
        )
        times = 1
    return [pd.create(case.entity, {**case.seed, **link})["id"] for _ in range(times)]


def named(case, number):
    return {case.id_field: number} if case.id_field else {}


def only(pd, case):
    (record,) = pd.records(case.entity).values()
    return record


def assert_one(pd, case, value=None):
    record = only(pd, case)
    assert record[case.key] == (case.value if value is None else value)
    if case.found_by:
        assert len(pd.records("person")) == 1
    if case.entity == "lead":
        assert len(pd.records("organization")) == 1
    assert pd.tokens_in_urls == 0
    assert not [one.path for one in pd.requests if one.status == 410]


@BY_KEY
def test_created(pd, account, case):
    outcome, errors = deliver(case, account)
    assert outcome.outputs["created"] is True
    assert errors == []
    assert_one(pd, case)


@BY_KEY
def test_updated(pd, account, case):
    (number,) = seeded(pd, case)
    outcome, _ = deliver(case, account, **named(case, number), **{case.key: case.new_value})
    assert outcome.outputs["id"] == number
    assert outcome.outputs["changed"] == [case.key]
    assert_one(pd, case, case.new_value)


@BY_KEY
def test_one_that_is_as_wanted_is_left_alone(pd, account, case):
    (number,) = seeded(pd, case)
    outcome, _ = deliver(case, account, **named(case, number))
    assert outcome.nothing_to_do
    assert writes(pd) == []


@BY_KEY
def test_not_found(pd, account, case):
    outcome, _ = deliver(case, account, mode="update_only")
    assert outcome.nothing_to_do
    assert writes(pd) == []
    assert pd.records(case.entity) == {}


@BY_KEY
def test_many(pd, account, case):
    seeded(pd, case, times=2)
    with pytest.raises(AmbiguousMatchError) as caught:
        deliver(case, account)
    assert len(caught.value.candidates) == 2
    assert writes(pd) == []


@BY_KEY
@pytest.mark.parametrize("trouble", ["429", "500", "time-out", "hang-up", "garbage"])
@pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
def test_a_look_up_that_failed(pd, account, late, case, trouble, there):
    numbers = seeded(pd, case) if there else []
    if trouble.isdigit():
        pd.answer_next(int(trouble), path=case.search, retry_after_s=0)
    elif trouble == "time-out":
        late.late_next(case.search)
    elif trouble == "hang-up":
        pd.hang_up_next(path=case.search)
    else:
        pd.garbage_next(path=case.search)
    more = named(case, numbers[0]) if numbers else {}
    fields = case.action.Fields(**{**case.makes, **more})
    with pytest.raises(UnavailableError):
        case.action().perform(fields, account(), Call("key", now="2026-11-22T10:00:00Z"))
    assert writes(pd) == []
    outcome, _ = deliver(case, account, **more)
    assert outcome.outputs["created"] is not there
    assert_one(pd, case)


@BY_KEY
@pytest.mark.parametrize("lag_s", [0, 60])
@pytest.mark.parametrize("trouble", ["time-out", "500", "hang-up", "garbage"])
def test_a_create_that_was_done_though_its_reply_was_lost(pd, account, late, case, trouble, lag_s):
    pd.search_delay_s = lag_s
    order = {"path": case.collection, "method": "POST"}
    if trouble == "time-out":
        late.late_next(after_work=True, **order)
    elif trouble == "500":
        pd.answer_next(500, after_work=True, **order)
    elif trouble == "hang-up":
        pd.hang_up_next(before_write=False, **order)
    else:
        pd.garbage_next(after_work=True, **order)
    _, errors = deliver(case, account)
    assert [isinstance(error, OutcomeUnknownError) for error in errors] == [True]
    assert_one(pd, case)


@pytest.mark.parametrize(
    "case", [case for case in CASES if "person" in case.found_by], ids=lambda c: c.entity
)
@pytest.mark.parametrize("lag_s", [0, 60])
@pytest.mark.parametrize("done", [False, True])
def test_a_linked_create_whose_reply_was_lost(pd, account, case, lag_s, done):
    pd.search_delay_s = lag_s
    pd.hang_up_next(before_write=not done, path="/api/v2/persons", method="POST")
    _, errors = deliver(case, account)
    assert len(errors) == 1
    assert_one(pd, case)


@BY_KEY
@pytest.mark.parametrize("lag_s", [0, 60])
def test_a_create_that_was_never_done(pd, account, case, lag_s):
    pd.search_delay_s = lag_s
    pd.hang_up_next(before_write=True, path=case.collection, method="POST")
    outcome, errors = deliver(case, account)
    assert len(errors) == 1
    assert outcome.outputs["created"] is True
    assert_one(pd, case)


@BY_KEY
@pytest.mark.parametrize("lag_s", [0, 60])
def test_two_at_once(pd, account, case, lag_s):
    """One record where a value names it; where nothing does, two events are two records, on one person."""
    pd.search_delay_s = lag_s
    together, outcomes = threading.Barrier(2), []

    def event():
        together.wait(5)
        outcomes.append(deliver(case, account)[0])

    threads = [threading.Thread(target=event) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(outcomes) == 2
    assert len(pd.records(case.entity)) == (2 if case.id_field else 1)
    assert len(pd.records(case.looked_up)) == 1


@BY_KEY
@pytest.mark.parametrize("lag_s", [0, 60])
def test_redelivered(pd, account, case, lag_s):
    pd.search_delay_s = lag_s
    number = deliver(case, account)[0].outputs["id"]
    again, _ = deliver(case, account, **named(case, number))
    assert again.nothing_to_do
    assert_one(pd, case)
