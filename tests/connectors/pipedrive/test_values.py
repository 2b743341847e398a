import pytest

from automations.connectors.pipedrive import contact_details, values

OPTIONS = [{"id": 41, "label": "Flat"}, {"id": 44, "label": "Pitched, steep"}, {"id": 45, "label": "41"}]


def as_custom(kind, value, before=None):
    definition = {"id": "k", "name": "F", "type": kind, "options": OPTIONS}
    return values.as_custom(value, definition, before=before, user=lambda one: {"Ana": 9}[one])


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        ("varchar", "abc", "abc"),
        ("varchar", "", ""),
        ("varchar", 7, "7"),
        ("varchar_auto", 7.0, "7"),
        ("text", "x" * 999, "x" * 999),
        ("text", False, "false"),
        ("phone", 4712345, "4712345"),
        ("double", "12.50", 12.5),
        ("double", " 12 ", 12),
        ("double", 0, 0),
        ("monetary", {"value": 0, "currency": "eur"}, {"value": 0, "currency": "EUR"}),
        ("monetary", {"amount": "900", "currency": "EUR"}, {"value": 900, "currency": "EUR"}),
        ("monetary", "900 EUR", {"value": 900, "currency": "EUR"}),
        ("enum", "flat", 41),
        ("enum", 44, 44),
        ("enum", "41", 45),
        ("enum", {"id": 41, "label": "Flat"}, 41),
        ("set", ["Flat", 44], [41, 44]),
        ("set", "Pitched, steep", [44]),
        ("set", "Flat, 44, flat", [41, 44]),
        ("set", [], None),
        ("set", "", None),
        ("user", "Ana", 9),
        ("org", "64", 64),
        ("people", {"id": 7, "name": "Ana"}, 7),
        ("date", "2026-12-15", "2026-12-15"),
        ("date", "2026-12-15T23:30:00+02:00", "2026-12-15"),
        ("daterange", "2026-12-01/2026-12-15", {"value": "2026-12-01", "until": "2026-12-15"}),
        ("daterange", ["2026-12-01", "2026-12-15"], {"value": "2026-12-01", "until": "2026-12-15"}),
        (
            "daterange",
            {"value": "2026-12-01", "until": "2026-12-15"},
            {"value": "2026-12-01", "until": "2026-12-15"},
        ),
        ("time", "9:30", {"value": "09:30:00"}),
        (
            "time",
            {"value": "09:30", "timezone_name": "Europe/Riga"},
            {"value": "09:30:00", "timezone_name": "Europe/Riga"},
        ),
        ("timerange", "09:00/11:30", {"value": "09:00:00", "until": "11:30:00"}),
        ("address", "1 Quay Rd", {"value": "1 Quay Rd"}),
        ("address", {"value": "1 Quay Rd", "locality": "Riga"}, {"value": "1 Quay Rd", "locality": "Riga"}),
        *[(kind, None, None) for kind in ("varchar", "enum", "set", "monetary", "user", "date", "address")],
    ],
)
def test_each_type_is_converted(kind, given, sent):
    assert as_custom(kind, given) == sent


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("varchar", "x" * 256, "at most 255"),
        ("varchar", ["a"], "a text"),
        ("text", {"a": 1}, "a text"),
        ("double", "1,250", "a number"),
        ("double", "nan", "a number"),
        ("double", "inf", "a number"),
        ("double", True, "a number"),
        ("monetary", 900, "with its currency"),
        ("monetary", "lots EUR", "with its currency"),
        ("monetary", {"value": 1, "currency": "EURO"}, "with its currency"),
        ("enum", "Metal", "one of its options: Flat"),
        ("enum", True, "one of its options"),
        ("enum", "", "one of its options"),
        ("set", ["Flat", "Metal"], "one of its options"),
        ("org", "Lumen", "whole number"),
        ("people", 0, "whole number"),
        ("people", 1.5, "whole number"),
        ("date", "15.12.2026", "a date"),
        ("date", "2026-13-01", "a date"),
        ("daterange", "2026-12-01", "two dates"),
        ("daterange", {"value": "2026-12-01"}, "two dates"),
        ("time", "25:00", "a time of day"),
        ("timerange", ["09:00"], "two times"),
        ("address", {"locality": "Riga"}, "an address"),
        ("address", " ", "an address"),
        ("stage", 4, "cannot be written"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_words(kind, given, said):
    with pytest.raises(ValueError, match=said):
        as_custom(kind, given)


def test_an_amount_keeps_the_currency_that_is_there():
    assert as_custom("monetary", 900, before={"value": 1, "currency": "EUR"}) == {
        "value": 900,
        "currency": "EUR",
    }


@pytest.mark.parametrize(
    ("wanted", "now", "same"),
    [
        (900, 900.0, True),
        (0, None, False),
        (0, False, False),
        ("", None, False),
        ([1, 2], [2, 1], True),
        ([1, 1], [1, 2], False),
        ({"value": "x"}, {"value": "x", "country": None}, True),
        ({"value": "x"}, None, False),
        ([{"value": "a", "primary": True}], [{"primary": True, "value": "a", "label": "work"}], True),
        (True, 1, False),
        (None, None, True),
    ],
)
def test_same_is_what_pipedrive_would_call_same(wanted, now, same):
    assert values.is_same(wanted, now) is same


# -- e-mails and phones

NOW = [
    {"value": "a@x.example", "label": "home", "primary": True},
    {"value": "b@x.example", "label": "work", "primary": False},
]


def merged(wanted, replace=False):
    return contact_details.merged(
        NOW, contact_details.wanted_details(wanted), contact_details.email_key, replace=replace
    )


def test_wanted_details_are_added_once():
    assert merged(" A@X.example ") == NOW
    assert merged(["b@x.example", "c@x.example"]) == [
        *NOW,
        {"value": "c@x.example", "label": "work", "primary": False},
    ]
    assert merged("") == NOW


def test_one_entry_is_primary():
    assert [one["primary"] for one in merged([{"value": "b@x.example", "primary": True}])] == [False, True]
    assert [one["primary"] for one in merged(["z@x.example", "y@x.example"], replace=True)] == [True, False]
    assert merged([{"value": "a@x.example", "primary": False}])[0]["primary"] is True


def test_a_label_is_changed_when_it_is_said():
    assert merged([{"value": "b@x.example", "label": "home"}])[1]["label"] == "home"


def test_replacing_keeps_the_labels_of_what_stays():
    assert merged(["a@x.example"], replace=True) == [NOW[0]]
    assert merged([], replace=True) == []


def test_phones_are_the_same_by_their_digits():
    assert contact_details.phone_key("+371 2000-0001") == contact_details.phone_key("+37120000001")
    assert contact_details.phone_key("0037120000001") != contact_details.phone_key("+37120000001")
    assert contact_details.phone_key("ext. none") == "ext. none"
