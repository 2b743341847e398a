import pytest

from automations.connectors.pipedrive import lead_shape

KEY = "c" * 40


@pytest.mark.parametrize(
    ("kind", "nested", "flat"),
    [
        ("varchar", "abc", {KEY: "abc"}),
        ("double", 0, {KEY: 0}),
        ("enum", 41, {KEY: 41}),
        ("set", [41, 44], {KEY: "41,44"}),
        ("monetary", {"value": 9, "currency": "EUR"}, {KEY: 9, f"{KEY}_currency": "EUR"}),
        (
            "daterange",
            {"value": "2026-12-01", "until": "2026-12-15"},
            {KEY: "2026-12-01", f"{KEY}_until": "2026-12-15"},
        ),
        ("time", {"value": "09:30:00"}, {KEY: "09:30:00"}),
        ("address", {"value": "1 Quay Rd"}, {KEY: "1 Quay Rd"}),
    ],
)
def test_what_is_written_flat_is_read_back_as_it_was(kind, nested, flat):
    assert lead_shape.written("lead", {"title": "T", "custom_fields": {KEY: nested}}) == {
        "title": "T",
        **flat,
    }
    definition = {"id": KEY, "type": kind, "is_custom": True}
    assert lead_shape.held({"custom_fields": flat}, [definition]) == {KEY: nested}


def test_null_clears_and_other_records_stay_as_they_are():
    assert lead_shape.written("lead", {"custom_fields": {KEY: None}}) == {KEY: None}
    body = {"custom_fields": {KEY: [1]}}
    assert lead_shape.written("deal", body) is body
    assert lead_shape.held({}, []) == {}
    assert lead_shape.held(
        {"custom_fields": {KEY: "41"}}, [{"id": KEY, "type": "enum", "is_custom": True}]
    ) == {KEY: 41}
