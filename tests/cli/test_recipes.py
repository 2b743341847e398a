"""`automations recipe apply`, `list`, `export`, `enable`, `disable`, `diff`, `rollback`."""

from __future__ import annotations

import pytest

from automations.resources import gallery_folder
from automations.sandbox import PipedriveSandbox
from tests.cli.conftest import Cli
from tests.cli.recipe_texts import BROKEN, GREETING

NEW_DEAL = gallery_folder() / "new-deal-to-clevertap-profile.yaml"
STAGE_CHANGED = gallery_folder() / "deal-stage-changed-to-clevertap-event.yaml"


@pytest.fixture
def shop(cli: Cli) -> Cli:
    cli.ok("connection", "add", "webhook", "shop")
    return cli


def test_applied_recipe_is_published_and_on(shop: Cli) -> None:
    result = shop.ok("recipe", "apply", shop.file("greeting.yaml", GREETING))
    assert "Greeting: version 1 published, on." in result.stdout
    assert shop.json("recipe", "list") == [
        {
            "name": "Greeting",
            "enabled": True,
            "held": None,
            "version": 1,
            "draft": None,
            "trigger": "webhook.received",
            "connection": "shop",
            "runs": {},
        }
    ]
    assert "Greeting" in shop.ok("recipe", "list").stdout


def test_one_wrong_file_keeps_all_of_them_out(shop: Cli) -> None:
    good, bad = shop.file("greeting.yaml", GREETING), shop.file("broken.yaml", BROKEN)
    result = shop("recipe", "apply", good, bad)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{bad}: trigger.key: There is no trigger 'webhook.recieved'" in result.stderr
    assert "Did you mean 'webhook.received'" in result.stderr
    assert f"{bad}: steps[0].fields.valeus" in result.stderr
    assert shop.json("recipe", "list") == []


def test_two_files_of_one_name_are_refused(shop: Cli) -> None:
    one, other = shop.file("one.yaml", GREETING), shop.file("other.yaml", GREETING)
    result = shop("recipe", "apply", one, other)
    assert result.exit_code == 1
    assert f"{other}: name: {one} has the name 'Greeting' too" in result.stderr


def test_file_that_is_not_there_is_a_wrong_word(shop: Cli) -> None:
    result = shop("recipe", "apply", "nowhere.yaml")
    assert result.exit_code == 2, result.output
    assert "nowhere.yaml" in result.stderr


def test_file_that_is_no_text_is_named(shop: Cli) -> None:
    path = shop.folder / "greeting.yaml"
    path.write_bytes(b"name: \xff\xfe")
    result = shop("recipe", "apply", path)
    assert result.exit_code == 1
    assert f"{path} is not a text file in UTF-8" in result.stderr


def test_exported_file_applies_again_and_stays_the_same(shop: Cli) -> None:
    shop.ok("recipe", "apply", shop.file("greeting.yaml", GREETING))
    text = shop.ok("recipe", "export", "Greeting").stdout
    shop.ok("recipe", "apply", shop.file("again.yaml", text))
    assert shop.ok("recipe", "export", "Greeting").stdout == text


def test_draft_runs_nothing_and_its_difference_is_shown(shop: Cli) -> None:
    shop.ok("recipe", "apply", shop.file("greeting.yaml", GREETING))
    assert "no draft" in shop.ok("recipe", "diff", "Greeting").stderr
    changed = shop.file("changed.yaml", GREETING.replace("Hello", "Good day"))
    assert "draft of version 2" in shop.ok("recipe", "apply", changed, "--draft").stdout
    lines = shop.ok("recipe", "diff", "Greeting").stdout.splitlines()
    assert [line for line in lines if line.startswith("-") and "Hello" in line]
    assert [line for line in lines if line.startswith("+") and "Good day" in line]
    row = shop.json("recipe", "list")[0]
    assert (row["version"], row["draft"]) == (1, 2)


def test_rollback_publishes_the_earlier_version_again(shop: Cli) -> None:
    shop.ok("recipe", "apply", shop.file("greeting.yaml", GREETING))
    before = shop.ok("recipe", "export", "Greeting").stdout
    shop.ok("recipe", "apply", shop.file("changed.yaml", GREETING.replace("Hello", "Good day")))
    assert "as version 3" in shop.ok("recipe", "rollback", "Greeting", 1).stdout
    assert shop.ok("recipe", "export", "Greeting").stdout == before
    result = shop("recipe", "rollback", "Greeting", 9)
    assert result.exit_code == 1
    assert "no version 9" in result.stderr


def test_recipe_is_switched_off_and_on(shop: Cli) -> None:
    shop.ok("recipe", "apply", shop.file("greeting.yaml", GREETING))
    shop.ok("recipe", "disable", "Greeting")
    assert shop.json("recipe", "list")[0]["enabled"] is False
    shop.ok("recipe", "enable", "Greeting")
    assert shop.json("recipe", "list")[0]["enabled"] is True
    result = shop("recipe", "enable", "Greting")
    assert result.exit_code == 1
    assert "Did you mean 'Greeting'" in result.stderr


def test_webhooks_follow_what_is_on(connected: Cli, pipedrive: PipedriveSandbox) -> None:
    connected.ok("recipe", "apply", NEW_DEAL, STAGE_CHANGED)
    assert [hook["event_object"] for hook in pipedrive.webhooks] == ["deal"]
    connected.ok("recipe", "disable", "New deal → CleverTap profile")
    assert len(pipedrive.webhooks) == 1
    connected.ok("recipe", "disable", "Deal stage changed → CleverTap event")
    assert pipedrive.webhooks == []


def test_webhook_that_cannot_be_made_is_a_warning(connected: Cli, pipedrive: PipedriveSandbox) -> None:
    connected.ok("connection", "add", "pipedrive", "acme-pipedrive", "--set", "api_token=wrong-token")
    result = connected.ok("recipe", "apply", NEW_DEAL)
    assert "published" in result.stdout
    assert "Warning: The webhooks of 'acme-pipedrive' could not be brought in line" in result.stderr
    assert pipedrive.webhooks == []
