"""Merge two organizations in Pipedrive."""

from __future__ import annotations

from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.merging import MergeAction


class MergeOrganizations(MergeAction):
    """Merge one organization into another, which stays.

    What the one that stays lacks is taken from the other; where both have a value, that of the one that stays
    wins. Notes, activities, deals and followers move over. This cannot be undone. A record merged into itself is
    nothing to do; several that match stop the run.

    Not repeatable: after a doubtful outcome both are looked up again, and the merge is done when the one that was
    to go is gone.

    Source: Pipedrive API v1, "Organizations" (`PUT /organizations/{id}/merge`), read 2026-11-22.
    """

    key = "pipedrive.merge_organizations"
    title = "Merge two organizations"
    sentence = "Merge two organizations in Pipedrive"
    connection = PipedriveConnection
    repeatable = False
    merged_entity = "organization"
    examples = (
        {
            "from_match_value": "Fjord Furniture Ltd",
            "into_match_value": "Fjord Furniture",
            "if_missing": "skip",
        },
        {
            "from_match_field": "name",
            "from_match_value": "Bergen Timber (old)",
            "into_match_field": "name",
            "into_match_value": "Bergen Timber",
        },
    )
