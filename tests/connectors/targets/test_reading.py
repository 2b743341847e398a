"""Descriptions read from YAML: what is wrong is told at once, with path and nearest right name."""

from __future__ import annotations

import pytest

from automations.connectors.targets.library import compiled
from automations.errors import RecipeProblems

GOOD = """
target: acme
title: Acme
settings: {key: {secret: true}}
address: https://acme.example
auth: {bearer: "{{ settings.key }}"}
profile: {path: /p, record: {id: "{{ identity }}", a: "{{ data }}"}}
event: {path: /e, record: {id: "{{ identity }}", n: "{{ name }}", a: "{{ data }}"}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(RecipeProblems) as caught:
        compiled(text, "acme.yaml")
    assert all(one.file == "acme.yaml" for one in caught.value.problems)
    return [f"{one.path}: {one.message}" for one in caught.value.problems]


def test_a_whole_description_is_taken() -> None:
    assert compiled(GOOD).title == "Acme"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("title: Acme", "titel: Acme", "titel: There is no key 'titel' here. Did you mean 'title'?"),
        ("target: acme", "target: Acme!", "target: 'Acme!' is no name"),
        ("settings.key", "settings.kee", "auth.bearer: There is no setting 'kee'. Did you mean 'key'?"),
        ("{{ identity }}", "{{ identiy }}", "profile.record.id: There is no 'identiy' here. Did you mean"),
        ("path: /p", "path: p", "profile.path: A path begins with `/`"),
        ("path: /p,", "path: /p, into: d, valus: {},", "profile.valus: There is no key 'valus' here."),
        ("{bearer", "{baerer", "auth.baerer: There is no key 'baerer' here. Did you mean 'bearer'?"),
        ("https://acme.example", "https://{{ user_id }}.example", "address: There is no 'user_id' here."),
        ("secret: true", "secret: perhaps", "settings.key.secret:"),
        ("title: Acme", "title: Acme\nbatch: {records: 5}", "profile.into: Several records share a call"),
        ("title: Acme", "title: Acme\ntime: {record: epoch}", "time.record: 'epoch' is no form of a time."),
        (
            "title: Acme",
            "title: Acme\noperators: {increment: {}}",
            "operators.increment: Say how it is written",
        ),
        (
            "title: Acme",
            "title: Acme\noperators: {incr: {clear: true}}",
            "operators.incr: 'incr' is not taken",
        ),
        ("title: Acme", "title: Acme\nvalues: {nested: jsn}", "values.nested: 'jsn' is not taken here"),
        ("title: Acme", "title: Acme\nanswer: {ok_if: replay.ok}", "answer.ok_if:"),
        ("title: Acme", "title: Acme\ntogether: true", "together: Profiles and events share calls only"),
        ("title: Acme", "title: Acme\ntitle: Two", ": This is not YAML at line 4"),
        ("title: Acme", "title: &a Acme\nabout: *a", ": This is not YAML"),
        (
            "path: /p,",
            "path: /p, attributes: {checks: {Email: emial}},",
            "profile.attributes.checks.Email: There is no check 'emial'. Did you mean 'email'?",
        ),
        (
            "secret: true",
            "choices: [eu, us], default: ue",
            "settings.key: The default 'ue' is none of the choices.",
        ),
        ("settings: {key", "settings: {base_url: {}, key", "settings.base_url: Every target has 'base_url'"),
    ],
)
def test_a_mistake_is_named_with_its_place(before: str, after: str, said: str) -> None:
    assert before in GOOD
    assert any(one.startswith(said) for one in problems(GOOD.replace(before, after, 1))), problems(
        GOOD.replace(before, after, 1)
    )


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "a: [", "- x", "x" * 70_000, "[" * 5_000])
def test_what_is_no_description_is_refused(text: str) -> None:
    assert problems(text)


def test_everything_wrong_is_told_at_once() -> None:
    assert len(problems(GOOD.replace("title: Acme", "titel: A").replace("/p", "p"))) >= 2


def test_templates_reach_nothing_of_the_machine() -> None:
    evil = GOOD.replace("{{ data }}", "{{ data.__class__.__mro__ }}", 1)
    with pytest.raises(RecipeProblems):
        compiled(evil, "acme.yaml")
