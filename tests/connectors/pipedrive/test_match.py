import pytest

from automations.connectors.pipedrive import match
from automations.connectors.pipedrive.actions.find_record import FindRecord
from automations.connectors.pipedrive.actions.merge_persons import MergePersons
from automations.connectors.pipedrive.actions.upsert_deal import UpsertDeal
from automations.connectors.pipedrive.actions.upsert_person import UpsertPerson
from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.errors import FieldsError
from tests.connectors.pipedrive.account_lists import Remembered

SETTINGS = PipedriveSettings(domain="acme", api_token="t", user_id_field="Our user id")
FIELDS = [
    {"id": "a" * 40, "name": "Our user id", "type": "varchar", "is_custom": True, "options": []},
    {"id": "b" * 40, "name": "Size", "type": "enum", "is_custom": True, "options": []},
    {"id": "label_ids", "name": "Label", "type": "set", "is_custom": False, "options": []},
]


def problems(action, fields, settings=SETTINGS, **lists):
    directory = Remembered(lists or {"person_fields": FIELDS})
    return list(action().check_mapping(fields, settings, directory))


def test_the_connections_field_for_own_ids_is_meant_by_its_name(pd, connect):
    code = pd.add_field("person", "Our user id", "varchar").code
    client = connect(user_id_field="our user id")
    found = match.match_for(client, "person", "User_ID", " u-7 ")
    assert (found.field, found.value) == (code, "u-7")
    with pytest.raises(FieldsError, match="a custom field of a organization"):
        match.match_for(client, "organization", "user_id", "u-7")


def test_values_are_compared_by_their_kind():
    assert match.key_of("email", " A@B.example ") == match.key_of("email", "a@b.EXAMPLE")
    assert match.key_of("number", "77.0") == match.key_of("number", 77)
    assert match.key_of("name", "Ana  Petrova") == match.key_of("name", "ana petrova")
    assert match.key_of("text", "u-7") != match.key_of("text", "U-7")
    assert str(match.key_of("number", "1e9999")) == "1e9999"


@pytest.mark.parametrize(
    ("action", "fields", "wrong"),
    [
        (UpsertPerson, {"match_field": "Size", "match_value": "x"}, ["match_field"]),
        (UpsertPerson, {"match_field": "size"}, ["match_field"]),
        (UpsertPerson, {"match_field": "b" * 40, "match_value": "x"}, ["match_field"]),
        (UpsertPerson, {"match_field": "Siez", "match_value": "x"}, ["match_field"]),
        (UpsertPerson, {"match_field": "E-Mail", "match_value": "x"}, []),
        (UpsertPerson, {"match_field": "our USER id", "match_value": "x"}, []),
        (UpsertPerson, {"match_field": "user_id", "match_value": "x"}, []),
        (UpsertPerson, {"match_field": "{{ record.field }}", "match_value": "x"}, []),
        (UpsertPerson, {"match_value": "x"}, []),
        (UpsertDeal, {"person_match_field": "Size", "person_match_value": "x"}, ["person_match_field"]),
        (FindRecord, {"entity": "person", "match_field": "Size", "match_value": "x"}, ["match_field"]),
        (FindRecord, {"entity": "note", "match_field": "content", "match_value": "x"}, ["match_field"]),
        (FindRecord, {"entity": "{{ record.kind }}", "match_field": "Size", "match_value": "x"}, []),
        (MergePersons, {"from_match_field": "Size", "into_match_field": "id"}, ["from_match_field"]),
    ],
)
def test_a_match_field_that_cannot_be_searched_is_told_when_a_recipe_is_saved(action, fields, wrong):
    assert [name for name, _ in problems(action, fields)] == wrong


def test_what_can_be_searched_is_said():
    ((_, said),) = problems(UpsertPerson, {"match_field": "Size"})
    assert said == (
        "Pipedrive cannot search 'Size' (enum); these find a person: id, email, phone, name, Our user id."
    )
    ((_, said),) = problems(UpsertPerson, {"match_field": "Our user"})
    assert said.endswith("Did you mean 'Our user id'?")


def test_the_connections_own_match_field_is_checked_where_it_is_used():
    settings = SETTINGS.model_copy(update={"person_match_field": "Size"})
    assert [name for name, _ in problems(UpsertPerson, {"match_value": "x"}, settings)] == ["match_field"]
    assert problems(UpsertPerson, {"emails": "x"}, settings) == []


def test_nothing_is_wrong_with_what_nobody_knows():
    assert problems(UpsertPerson, {"match_field": "Size"}, deal_fields=[]) == []
