"""Merge two persons in Pipedrive."""

from __future__ import annotations

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.merging import MergeAction


class MergePersons(MergeAction):
    """Merge one person into another, which stays.

    What the one that stays lacks is taken from the other; where both have a value, that of the one that stays
    wins. Notes, activities, deals and followers move over. This cannot be undone. A record merged into itself is
    nothing to do; several that match stop the run.

    Not repeatable: after a doubtful outcome both are looked up again, and the merge is done when the one that was
    to go is gone.

    Source: Pipedrive API v1, "Persons" (`PUT /persons/{id}/merge`), read 2026-11-22.
    """

    key = "pipedrive.merge_persons"
    title = "Merge two persons"
    sentence = "Merge two persons in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    merged_entity = "person"
    examples = (
        {
            "from_match_value": "ingrid@fjord-furniture.example",
            "into_match_value": "ingrid@fjord.example",
            "if_missing": "skip",
        },
        {
            "from_match_field": "name",
            "from_match_value": "I. Solberg",
            "into_match_field": "name",
            "into_match_value": "Ingrid Berg",
        },
    )
