"""Fields that several actions have in common, declared once."""

from __future__ import annotations

from typing import Any

from automations.engine.contracts import field

MODES = ("upsert", "update_only", "create_only")
MISSING = ("skip", "stop", "create")

_FOUND_BY = {
    "person": "`id`, `email`, `phone`, `name`, `user_id` (the connection's field for it), or a custom field.",
    "organization": "`id`, `name`, `group_id` (the connection's field for it), or a custom field.",
    "deal": "`id`, `title`, or a custom field.",
    "lead": "`id`, `title`, or a custom field.",
    "product": "`id`, `code`, `name`, or a custom field.",
}
_SHOWN_PLANS = "1 owner, 3 company or owner's group, 5 group and sub-groups, 7 company, as your plan has it."


def find_by(entity: str) -> Any:
    """Return the field that says what the step's own record is found by."""
    return field("Find by", _FOUND_BY[entity], default=None)


def link_by(entity: str) -> Any:
    """Return the field that says what a linked record is found by."""
    return field(f"Find the {entity} by", _FOUND_BY[entity], default=None)


def link_value(entity: str, help: str = "What to find it by. null takes the link away.", **more: Any) -> Any:
    return field(entity.capitalize(), help, default=None, **more)


def link_missing(entity: str) -> Any:
    return field(
        f"When the {entity} is missing",
        "Skip leaves it unlinked, stop parks the run, create makes it, named by the value.",
        default="skip",
        choices=MISSING,
        advanced=True,
    )


def mode() -> Any:
    return field("What it may do", "Leave empty for the connection's choice.", default=None, choices=MODES)


def if_many(choices: tuple[str, ...] = ("stop", "oldest", "newest", "merge")) -> Any:
    help = "Merge joins them into the oldest." if "merge" in choices else ""
    return field("When several match", help, default="stop", choices=choices, advanced=True)


def owner() -> Any:
    return field("Owner", "By id, e-mail or name.", default=None, choices="users")


def labels() -> Any:
    return field("Labels", "Added to those there, by name or id. null takes all away.", default=None)


def visible_to() -> Any:
    return field("Visible to", _SHOWN_PLANS, default=None, choices=("1", "3", "5", "7"), advanced=True)


def custom_fields() -> Any:
    return field("Custom fields", "By label or key; options by label or id. null clears.", default=None)
