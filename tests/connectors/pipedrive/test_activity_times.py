import pytest

from automations.connectors.pipedrive import activity_times
from automations.errors import FieldsError


@pytest.mark.parametrize(
    ("mapped", "sent"),
    [
        ({}, {}),
        ({"due_date": "2026-12-15"}, {"due_date": "2026-12-15"}),
        ({"due_date": "2026-12-15T23:30:00-05:00"}, {"due_date": "2026-12-15"}),
        ({"due_time": "9:30"}, {"due_time": "09:30"}),
        ({"due_time": "09:30:59"}, {"due_time": "09:30"}),
        ({"due_time": "2026-12-16T00:30:00+02:00"}, {"due_date": "2026-12-15", "due_time": "22:30"}),
        (
            {"due_date": "2026-12-16T00:30:00+02:00", "due_time": "2026-12-16T00:30:00+02:00"},
            {"due_date": "2026-12-15", "due_time": "22:30"},
        ),
        (
            {"due_date": "2026-12-24", "due_time": "2026-12-16T00:30:00+02:00"},
            {"due_date": "2026-12-24", "due_time": "22:30"},
        ),
        ({"due_time": "2026-12-16 08:00"}, {"due_date": "2026-12-16", "due_time": "08:00"}),
        ({"due_date": None, "due_time": None}, {"due_date": None, "due_time": None}),
    ],
)
def test_a_due_time_is_in_utc_and_its_day_with_it(mapped, sent):
    assert activity_times.due(mapped) == sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [("90", "01:30"), (45, "00:45"), ("1:05", "01:05"), ("01:30:00", "01:30"), (0, "00:00")],
)
def test_a_duration_is_hours_or_minutes(given, sent):
    assert activity_times.duration({"duration": given}) == {"duration": sent}
    assert activity_times.duration({"duration": None}) == {"duration": None}


@pytest.mark.parametrize("given", ["2 h", "1440", "-5", "24:00", ""])
def test_what_is_no_duration_is_refused(given):
    with pytest.raises(FieldsError, match="a duration under a day"):
        activity_times.duration({"duration": given})


def test_answers_are_compared_without_seconds():
    assert activity_times.without_seconds({"due_time": "09:30:00", "duration": None, "id": 1}) == {
        "due_time": "09:30",
        "duration": None,
        "id": 1,
    }
