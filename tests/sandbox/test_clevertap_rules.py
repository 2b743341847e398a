"""What an upload takes, record by record."""

from __future__ import annotations

from typing import Any

import pytest

from automations.sandbox.clevertap_rules import record_problem


def profile(**data: Any) -> dict[str, Any]:
    return {"type": "profile", "identity": "u-1", "profileData": data}


def event(name: Any = "Deal moved", **data: Any) -> dict[str, Any]:
    return {"type": "event", "identity": "u-1", "evtName": name, "evtData": data}


def code_of(record: Any) -> int | None:
    problem = record_problem(record, frozenset({"Thrown away"}))
    return None if problem is None else problem[0]


GOOD: list[dict[str, Any]] = [
    profile(Name="Ines", Email="ines@x.example", Phone="+351912345678", Gender="F", DOB="$D_653875200"),
    profile(Employed="Y", Education="College", Married="N", Age=44, **{"MSG-sms": False}),
    profile(**{"Customer Type": "Trial", "Deal stage": "Negotiation", "Score": {"$incr": 5}}),
    profile(Interests={"$add": ["solar", "storage"]}, Old={"$delete": True}, Tags={"$remove": ["x"]}),
    profile(Name={"$set": "Ines"}, Points={"$decr": 1.5}, Interests=["solar"]),
    {"type": "profile", "objectId": "_web-12", "ts": 1795343400, "profileData": {}},
    {"type": "event", "identity": "u", "evtName": "Deal Won"},
    event(**{"Deal ID": 5521, "Value": 18400.5, "Won": True, "Close date": "$D_1795305600"}),
    event("Charged", **{"Charged ID": "INV", "Amount": 300, "Items": [{"Name": "Growth", "Quantity": 1}]}),
]
BAD: list[tuple[Any, int]] = [
    ("text", 512),
    ({"type": "token", "objectId": "x"}, 524),
    ({"type": "profile", "profileData": {}}, 523),
    ({"type": "profile", "identity": "", "profileData": {}}, 523),
    ({"type": "profile", "identity": "a", "objectId": "b", "profileData": {}}, 523),
    ({"type": "profile", "identity": 8841, "profileData": {}}, 523),
    ({"type": "profile", "identity": "x" * 1024, "profileData": {}}, 523),
    ({"type": "profile", "objectId": "not an id", "profileData": {}}, 526),
    ({"type": "profile", "identity": "a"}, 512),
    ({**profile(), "surprise": 1}, 512),
    ({**profile(), "ts": 1795343400000}, 525),
    ({**profile(), "ts": "1795343400"}, 525),
    ({**profile(), "ts": 1795343400.5}, 525),
    ({**event(), "ts": "2026-11-22T10:00:00Z"}, 525),
    (profile(Gender="female"), 514),
    (profile(Email="ines"), 515),
    (profile(Email={"$set": "ines"}), 515),
    (profile(Phone="351912345678"), 516),
    (profile(Phone="+351 912 345 678"), 516),
    (profile(Phone=351912345678), 516),
    (profile(Employed="yes"), 517),
    (profile(Education="PhD"), 518),
    (profile(Married=True), 519),
    (profile(Age="44"), 520),
    (profile(DOB="1990-09-21"), 512),
    (profile(**{"MSG-email": "no"}), 512),
    (profile(A=None), 512),
    (profile(A={"b": 1}), 512),
    (profile(A={"$push": 1}), 512),
    (profile(A={"$set": 1, "$add": 2}), 512),
    (profile(A={"$incr": -5}), 512),
    (profile(A={"$incr": "5"}), 512),
    (profile(Email={"$add": ["a@b.example"]}), 512),
    (profile(A=[1, 2]), 512),
    (profile(A=["x"] * 101), 512),
    (profile(A=[{"b": 1}]), 512),
    (profile(A="x" * 513), 512),
    (profile(A="ü" * 257), 512),
    (profile(**{"x" * 121: 1}), 512),
    (profile(**{"ü" * 61: 1}), 512),
    (profile(**{"deal.value": 1}), 512),
    (profile(**{"a#b": 1}), 512),
    (profile(**{f"key {number}": 1 for number in range(257)}), 512),
    (event(None), 509),
    (event("  "), 509),
    (event("App Launched"), 513),
    (event("Thrown away"), 528),
    (event("Deal: moved"), 512),
    ({**event(), "evtData": []}, 512),
    (event(A={"b": 1}), 512),
    (event(A=["x"]), 512),
    (event(A=None), 512),
    (event(Items=[{"Name": "x"}]), 512),
    (event("Charged", Items={"Name": "x"}), 511),
    (event("Charged", Items=[{"Name": {"x": 1}}]), 512),
    (event("Charged", Items=[{"Name": "x"}] * 51), 511),
    (event(**{f"key {number}": 1 for number in range(257)}), 522),
]


@pytest.mark.parametrize("record", GOOD)
def test_a_right_record_is_taken(record: dict[str, Any]) -> None:
    assert code_of(record) is None


@pytest.mark.parametrize(("record", "code"), BAD)
def test_a_wrong_record_gets_its_code(record: Any, code: int) -> None:
    assert code_of(record) == code
