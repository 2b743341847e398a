"""What an author mapped, as CleverTap gets it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from automations.connectors.clevertap.policies import Policies
from automations.connectors.clevertap.records import UploadRecord, event_record, profile_record
from automations.errors import FieldsError
from automations.sandbox.clevertap_rules import record_problem


def profile(
    properties: dict[str, Any], operators: dict[str, Any] | None = None, **policies: Any
) -> UploadRecord:
    upload = profile_record("7", None, None, properties, operators or {}, Policies(**policies))
    assert record_problem(upload.record) is None
    return upload


def event(properties: dict[str, Any], name: str = "Deal Won", **policies: Any) -> UploadRecord:
    upload = event_record("7", None, name, None, properties, Policies(**policies))
    assert record_problem(upload.record) is None
    return upload


def data(upload: UploadRecord) -> dict[str, Any]:
    found: dict[str, Any] = upload.record.get("profileData", upload.record.get("evtData"))
    return found


def test_what_fits_is_sent_as_it_is() -> None:
    upload = profile({"Name": "Ines", "Deal value": 18400.5, "Score": 0, "Trial": False, "Note": ""})
    assert upload.record == {
        "type": "profile",
        "identity": "7",
        "profileData": {"Name": "Ines", "Deal value": 18400.5, "Score": 0, "Trial": False, "Note": ""},
    }
    assert upload.mended == []


@pytest.mark.parametrize(
    ("key", "given", "sent"),
    [
        ("Email", " ines@lumen-mail.example ", "ines@lumen-mail.example"),
        ("Phone", "+351912345678", "+351912345678"),
        ("Gender", "female", "F"),
        ("Employed", True, "Y"),
        ("Married", "no", "N"),
        ("Education", "graduate", "Graduate"),
        ("Age", "42", 42),
        ("DOB", "1990-09-21", "$D_653875200"),
        ("DOB", "1990-09-21T23:30:00+02:00", "$D_653875200"),
        ("DOB", "$D_653875200", "$D_653875200"),
        ("MSG-email", "false", False),
        ("MSG-sms", True, True),
        ("Name", 7, "7"),
    ],
)
def test_special_keys_take_the_forms_that_people_use(key: str, given: Any, sent: Any) -> None:
    assert data(profile({key: given})) == {key: sent}


@pytest.mark.parametrize(
    ("key", "given"),
    [
        ("Email", "nobody"),
        ("Email", ""),
        ("Phone", "0301234567"),
        ("Phone", "+49 30 1234567"),
        ("Gender", "X"),
        ("Employed", "maybe"),
        ("Education", "PhD"),
        ("Age", -1),
        ("Age", True),
        ("Age", "nan"),
        ("DOB", "21.9.1990"),
        ("MSG-email", "often"),
        ("Name", {"first": "Ines"}),
        ("Identity", ["a"]),
    ],
)
def test_a_special_key_that_would_cost_the_record_never_leaves(key: str, given: Any) -> None:
    with pytest.raises(FieldsError) as caught:
        profile_record("7", None, None, {key: given}, {})
    assert caught.value.field == f"properties.{key}"
    assert caught.value.value == str(given)
    assert caught.value.wanted


def test_an_invalid_special_key_is_left_out_where_the_step_says_so() -> None:
    upload = profile({"Phone": "030", "Gender": "X", "Name": "Ines"}, if_invalid="drop")
    assert data(upload) == {"Name": "Ines"}
    assert upload.mended == [
        "'Phone' was left out: '030' is not a phone number with country code, such as +351912345678 (the filter e164 "
        "makes one)",
        "'Gender' was left out: 'X' is not M or F",
    ]


NESTED = {"address": {"city": "Porto", "zip": None}, "lines": [{"id": 1}, {"id": 2}], "plan": "pro"}


def test_nested_values_can_be_flattened() -> None:
    flat = {"address_city": "Porto", "lines_0_id": 1, "lines_1_id": 2, "plan": "pro"}
    for upload in (profile(NESTED, nested="flatten"), event(NESTED, nested="flatten")):
        assert data(upload) == flat
        assert upload.mended == ["'address' was sent in parts", "'lines' was sent in parts"]
    assert data(event({"tags": ["a", "b"]}, nested="flatten")) == {"tags_0": "a", "tags_1": "b"}
    assert data(profile({"tags": ["a", "b"]}, nested="flatten")) == {"tags": ["a", "b"]}
    assert data(event({"a": {"b.c": 1}}, nested="flatten")) == {"a_b_c": 1}


def test_nested_values_can_be_dropped_or_refused() -> None:
    for upload in (profile(NESTED, nested="drop"), event(NESTED, nested="drop")):
        assert data(upload) == {"plan": "pro"}
        assert "'address' was left out, because it is nested" in upload.mended
    for make in (profile, event):
        with pytest.raises(FieldsError, match="refuses nested"):
            make(NESTED, nested="refuse")


def test_parts_that_come_to_one_name_are_refused() -> None:
    with pytest.raises(FieldsError, match="one would be lost"):
        event({"a": {"b": 1}, "a_b": 2}, nested="flatten")


def test_purchases_keep_their_items_whatever_becomes_of_nested_values() -> None:
    items = [{"Name": "Growth", "extra": {"seats": 2}}]
    upload = event({"Items": items, "more": {"a": 1}}, "Charged", nested="drop")
    assert data(upload) == {"Items": [{"Name": "Growth"}]}


def test_null_removes_a_property_or_leaves_it() -> None:
    assert data(profile({"Plan": None})) == {"Plan": {"$delete": True}}
    assert data(profile({"Plan": None, "Name": "Ines"}, if_null="skip")) == {"Name": "Ines"}


def test_forbidden_characters_are_replaced_and_told() -> None:
    upload = profile({"utm.source": "fair", "R&D #1": "x"})
    assert data(upload) == {"utm_source": "fair", "R_D _1": "x"}
    assert upload.mended == ["'utm.source' was sent as 'utm_source'", "'R&D #1' was sent as 'R_D _1'"]
    assert data(event({"R&D #1": "x"})) == {"R_D #1": "x"}
    assert event({}, "Deal: won!").record["evtName"] == "Deal_ won_"


def test_long_names_and_values_are_cut_at_whole_characters() -> None:
    upload = profile({"ü" * 100: "€" * 400})
    ((key, value),) = data(upload).items()
    assert (len(key.encode()), len(value.encode())) == (120, 510)
    assert set(value) == {"€"}
    assert len(upload.mended) == 2


def test_nested_values_become_json_text() -> None:
    nested = {"address": {"city": "Porto"}, "lines": [{"id": 1}]}
    for upload in (profile(nested), event(nested)):
        assert data(upload) == {"address": '{"city":"Porto"}', "lines": '[{"id":1}]'}
        assert upload.mended == ["'address' was sent as JSON text", "'lines' was sent as JSON text"]


def test_a_plain_list_is_a_multi_value_property_of_a_profile() -> None:
    assert data(profile({"Tags": ["a", "b", "a", None], "Labels": [1, 2.5, True]})) == {
        "Tags": ["a", "b"],
        "Labels": ["1", "2.5", "true"],
    }
    assert data(event({"Tags": ["a"]})) == {"Tags": '["a"]'}


def test_a_long_list_keeps_its_last_hundred() -> None:
    upload = profile({"Tags": [str(number) for number in range(130)]})
    assert data(upload)["Tags"] == [str(number) for number in range(30, 130)]
    assert upload.mended == ["'Tags' was cut to its last 100 values"]


def test_null_and_an_empty_list_remove_a_property() -> None:
    assert data(profile({"Plan": None, "Tags": [], "Email": None})) == {
        "Plan": {"$delete": True},
        "Tags": {"$delete": True},
        "Email": {"$delete": True},
    }
    assert data(event({"Plan": None, "Value": 3})) == {"Value": 3}


def test_numbers_that_json_readers_would_round_become_text() -> None:
    assert data(profile({"Big": 2**70, "Small": 2**60})) == {"Big": str(2**70), "Small": 2**60}


def test_operators() -> None:
    operators = {
        "increment": {"Score": 5, "Credit": -2.5, "Same": 0},
        "append": {"Interests": ["solar", "solar", "storage"]},
        "remove": {"Old": "x"},
        "unset": ["Plan", "Tier"],
    }
    assert data(profile({"Name": "Ines"}, operators)) == {
        "Name": "Ines",
        "Score": {"$incr": 5},
        "Credit": {"$decr": 2.5},
        "Interests": {"$add": ["solar", "storage"]},
        "Old": {"$remove": ["x"]},
        "Plan": {"$delete": True},
        "Tier": {"$delete": True},
    }
    assert data(profile({}, {"unset": "Plan"})) == {"Plan": {"$delete": True}}
    assert data(profile({}, {"unset": {"Plan": True, "Tier": False}})) == {"Plan": {"$delete": True}}


@pytest.mark.parametrize(
    ("operators", "field"),
    [
        ({"decrement": {"a": 1}}, "operators.decrement"),
        ({"increment": {"a": "5"}}, "operators.increment.a"),
        ({"increment": {"a": True}}, "operators.increment.a"),
        ({"increment": {"Age": 1}}, "operators.increment.Age"),
        ({"increment": 5}, "operators.increment"),
        ({"append": {"a": {"b": 1}}}, "operators.append.a"),
        ({"append": {"Email": "x@y.example"}}, "operators.append.Email"),
        ({"unset": [1]}, "operators.unset"),
    ],
)
def test_an_operator_that_cannot_work_is_named(operators: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldsError) as caught:
        profile_record("7", None, None, {}, operators)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("properties", "operators"),
    [
        ({"a.b": 1, "a:b": 2}, {}),
        ({"Score": 1}, {"increment": {"Score": 1}}),
        ({}, {"increment": {"Score": 1}, "unset": ["Score"]}),
    ],
)
def test_two_values_for_one_key_are_refused(properties: dict[str, Any], operators: dict[str, Any]) -> None:
    with pytest.raises(FieldsError, match="one would be lost"):
        profile_record("7", None, None, properties, operators)


@pytest.mark.parametrize(
    ("timestamp", "seconds"),
    [(1795343400, 1795343400), (datetime(2026, 11, 22, 10, 42, 0, 900000, UTC), 1795344120), (None, None)],
)
def test_times_are_whole_seconds(timestamp: Any, seconds: int | None) -> None:
    assert event_record("7", None, "Won", timestamp, {}).record.get("ts") == seconds
    assert profile_record("7", None, timestamp, {}, {}).record.get("ts") == seconds


@pytest.mark.parametrize("timestamp", [1795343400000, 0, -5])
def test_milliseconds_are_refused(timestamp: int) -> None:
    with pytest.raises(FieldsError, match="not milliseconds"):
        event_record("7", None, "Won", timestamp, {})


def test_a_device_is_addressed_by_its_own_id() -> None:
    assert event_record(None, "dev-1", "Won", None, {}).record["objectId"] == "dev-1"
    both = profile_record("7", "dev-1", None, {}, {}).record
    assert both == {"type": "profile", "objectId": "dev-1", "profileData": {"identity": "7"}}
    with pytest.raises(FieldsError, match="not both"):
        event_record("7", "dev-1", "Won", None, {})


@pytest.mark.parametrize("identity", [None, "", "   ", "x" * 1024])
def test_an_identity_that_is_none_is_refused(identity: str | None) -> None:
    with pytest.raises(FieldsError) as caught:
        profile_record(identity, None, None, {}, {})
    assert caught.value.field == "identity"


@pytest.mark.parametrize("name", ["App Launched", "Notification Sent", "  ", "...", ""])
def test_event_names_that_cleverTap_refuses_never_leave(name: str) -> None:
    with pytest.raises(FieldsError) as caught:
        event_record("7", None, name, None, {})
    assert caught.value.field == "event_name"


def test_the_items_of_a_purchase_stay_a_list() -> None:
    items = [{"Name": "Growth", "Quantity": 1, "tax.rate": {"de": 19}, "none": None}] * 51
    upload = event({"Amount": 300, "Items": items}, "Charged")
    assert data(upload)["Items"] == [{"Name": "Growth", "Quantity": 1, "tax_rate": '{"de":19}'}] * 50
    assert "'Items' was cut to its first 50" in upload.mended
    with pytest.raises(FieldsError, match="list of items"):
        event_record("7", None, "Charged", None, {"Items": "Growth"})
