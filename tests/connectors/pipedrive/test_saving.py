"""A recipe whose match field can find nothing is refused when it is saved."""

import pytest

from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.engine.compiled import ConnectionFacts
from automations.engine.compiling import compile_recipe
from automations.engine.definition import parse_definition
from automations.engine.registry import Registry
from automations.errors import RecipeProblems
from tests.connectors.pipedrive.account_lists import Remembered

REGISTRY = Registry.discover(entry_points=False)
SETTINGS = PipedriveSettings(domain="acme", api_token="t0ken")
SIZE = {"id": "b" * 40, "name": "Size", "type": "enum", "is_custom": True, "options": []}


def recipe(match_field):
    fields = {"match_field": match_field, "match_value": "{{ person.id }}", "name": "{{ person.name }}"}
    step = {"name": "one", "action": "pipedrive.upsert_person", "connection": "acme", "fields": fields}
    trigger = {"key": "pipedrive.person_created", "connection": "acme"}
    return parse_definition({"name": "R", "trigger": trigger, "steps": [step]})


def compiled(match_field, know_account):
    return compile_recipe(
        recipe(match_field),
        REGISTRY,
        lambda name: ConnectionFacts(7, name, "pipedrive"),
        know_account=know_account,
    )


def test_the_field_is_named_with_those_that_can():
    asked = []

    def account(connection_id):
        asked.append(connection_id)
        return SETTINGS, Remembered(person_fields=[SIZE])

    with pytest.raises(RecipeProblems, match="these find a person: id, email, phone, name") as refused:
        compiled("Size", account)
    assert [problem.path for problem in refused.value.problems] == ["steps[0].fields.match_field"]
    assert asked == [7]
    assert compiled("email", account).steps


@pytest.mark.parametrize("know_account", [None, lambda number: None, lambda number: (SETTINGS, Remembered())])
def test_what_nobody_knows_is_not_refused(know_account):
    assert compiled("Size", know_account).steps
