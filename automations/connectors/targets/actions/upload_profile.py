"""Create or update a profile in a described service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from automations.connectors.targets.changes import unsupported
from automations.connectors.targets.connection import TargetConnection
from automations.connectors.targets.records import Neutral, ids_of
from automations.connectors.targets.sending import UPLOAD, TargetAction
from automations.connectors.targets.target import Target
from automations.engine.contracts import ActionFields, DirectoryLike, JsonObject, field

# Sent twice, these count twice.
_ADDS_UP = frozenset({"increment", "append"})


class UploadProfile(TargetAction):
    """Create or update one profile.

    Properties that you do not map stay as they are. Names and values are fitted to what the service takes; what was
    changed or left out on the way is shown with the delivery and is `steps.<name>.mended`.

    Source: what a description names under `sources`, as far as read 2026-11-22; tried against no live account.
    Sent twice is the same as once, because the service merges by id; not so with `increment` and `append`.
    """

    key = "target.upload_profile"
    title = "Create or update a profile"
    sentence = "create or update a profile"
    connection = TargetConnection
    repeatable = True
    batch = UPLOAD
    validates = True
    operation = "profile"
    outputs: ClassVar[Mapping[str, str]] = {
        "identity": "The id that was sent",
        "mended": "What had to be changed, one sentence each",
    }
    examples = (
        {
            "identity": "{{ record.id }}",
            "email": "ines@lumen-mail.example",
            "properties": {"name": "{{ record.name }}", "Deal value": 18400.5},
        },
        {
            "identity": "{{ record.id }}",
            "timestamp": "2026-11-22T10:42:00Z",
            "properties": {"Plan": "Trial", "Seats": 12, "Renewed at": "2026-11-20T08:00:00Z"},
        },
    )

    class Fields(ActionFields):
        identity: str | None = field(
            "Identity",
            "Your own id of the person; an unknown one makes a new profile.",
            default=None,
            suggest="{{ record.id }}",
            one_of="id",
        )
        anonymous_id: str | None = field(
            "Anonymous id", "Of a visitor or device.", default=None, advanced=True, one_of="id"
        )
        email: str | None = field("E-mail", default=None, suggest="{{ record.email }}", one_of="id")
        phone: str | None = field("Phone", "With country code.", default=None, advanced=True, one_of="id")
        timestamp: datetime | int | None = field(
            "Time",
            "A time with its zone, or seconds since 1970; else the time of receipt.",
            default=None,
            advanced=True,
        )
        properties: dict[str, Any] = field(
            "Properties", "Name and value of each.", default={}, suggest='{"name": "{{ record.name }}"}'
        )
        operators: dict[str, Any] = field(
            "Operators",
            "`increment`, `append`, `remove`, `set_once`: property and value; `unset`: properties to remove. Which "
            "of them a service knows, its description says.",
            default={},
            advanced=True,
        )

    def repeatable_for(self, fields: Fields) -> bool:
        return not any(fields.operators.get(name) for name in _ADDS_UP)

    def subject(self, fields: Fields) -> str:
        return fields.identity or fields.anonymous_id or fields.email or fields.phone or ""

    def check_mapping(
        self, fields: Mapping[str, Any], settings: Any, directory: DirectoryLike
    ) -> Sequence[tuple[str, str]]:
        """Name operators that the service of this very connection does not know."""
        operators, target = fields.get("operators"), getattr(settings, "described", None)
        if not isinstance(operators, dict) or not isinstance(target, Target):
            return ()
        return list(unsupported(target, operators))

    def neutral(self, fields: Fields) -> Neutral:
        return Neutral(
            ids_of(fields), time=fields.timestamp, data=fields.properties, operators=fields.operators
        )

    def done(self, fields: Fields) -> tuple[str, JsonObject]:
        person = self.subject(fields)
        return f"Profile {person}", {"identity": person}
