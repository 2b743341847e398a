from __future__ import annotations

import pytest

from automations.engine.registry import Registry
from automations.web.path_words import path_source, words_for
from automations.web.recipe_words import changes, condition_words, sentence

REGISTRY = Registry.discover(entry_points=False)
RECIPE = {
    "name": "R",
    "trigger": {"key": "pipedrive.deal_stage_changed", "fields": {"to_stage": "Negotiation"}},
    "steps": [
        {
            "name": "profile",
            "action": "clevertap.upload_profile",
            "fields": {"identity": "{{ deal.person.email }}"},
        },
        {"name": "note", "action": "pipedrive.upsert_note", "fields": {"content": "x"}},
    ],
}


def test_recipe_says_what_it_does() -> None:
    assert sentence(RECIPE, REGISTRY) == (
        "When a deal moves to another stage in Pipedrive (to stage Negotiation), "
        "create or update a profile in CleverTap and write a note in Pipedrive."
    )


def test_unfinished_recipe_says_what_is_not_chosen() -> None:
    assert sentence({"trigger": {"key": ""}, "steps": []}, REGISTRY) == (
        "When something happens that is not chosen yet, do nothing yet."
    )


@pytest.mark.parametrize(
    ("source", "words", "tags"),
    [
        ("{{ deal.person.email }}", ("Deal", "Person", "E-mail"), ()),
        (
            "{{ deal.person.email | lower | default('x') }}",
            ("Deal", "Person", "E-mail"),
            ("small letters", "else x"),
        ),
        ('{{ deal.custom["Roof type"] }}', ("Deal", "Roof type"), ()),
        ("{{ deal.emails[0].value }}", ("Deal", "E-mails", "first", "Value"), ()),
        ("{{ previous.stage_id }}", ("Before", "Stage ID"), ()),
        ("{{ steps.profile.identity }}", ("profile", "Identity"), ()),
    ],
)
def test_plain_path_reads_as_words(source: str, words: tuple[str, ...], tags: tuple[str, ...]) -> None:
    found = words_for(source)
    assert found is not None
    assert (found.words, found.tags) == (words, tags)


@pytest.mark.parametrize(
    "source", ["", "text", "{{ a + b }}", "Hello {{ a }}", "{{ a", "{% if a %}{% endif %}"]
)
def test_richer_templates_stay_text(source: str) -> None:
    assert words_for(source) is None


def test_path_with_any_key_can_be_written() -> None:
    path = ("deal", "custom", 'Say "hi"\\', "list", 0)
    found = words_for("{{ " + path_source(path) + " }}")
    assert found is not None
    assert found.path == path


def test_differences_are_said_in_words() -> None:
    after = {
        **RECIPE,
        "only_if": {"left": "{{ deal.value }}", "op": "gte", "right": 1000},
        "steps": [
            {
                **RECIPE["steps"][0],
                "fields": {"identity": "{{ deal.person.id }}", "properties": {"Name": "A"}},
            },  # type: ignore[dict-item]
            {"name": "stop", "action": "engine.stop", "fields": {}},
        ],
    }
    assert changes(RECIPE, after, REGISTRY) == [
        "The conditions are new: Deal › Value is at least 1000.",
        "Step stop is new: stop here.",
        "Step note is gone.",
        "profile › Identity: now Deal › Person › ID (was Deal › Person › E-mail).",
        "profile › Properties › Name: now “A”.",
    ]
    assert changes(RECIPE, RECIPE, REGISTRY) == []


def test_condition_is_a_sentence() -> None:
    either = [
        {"left": "{{ deal.status }}", "op": "in", "right": ["open", "won"]},
        {"not": {"left": "{{ deal.title }}", "op": "exists"}},
    ]
    tree = {"all": [{"left": "{{ deal.value }}", "op": "gt", "right": 5}, {"any": either}]}
    assert condition_words(tree) == (
        "Deal › Value is greater than 5 and (Deal › Status is one of open, won or not (Deal › Title exists))"
    )
