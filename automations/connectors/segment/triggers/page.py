"""A user looked at a web page."""

from __future__ import annotations

from typing import Any

from automations.connectors.segment.message_trigger import MessageFields, MessageTrigger
from automations.connectors.segment.messages import topic_of
from automations.connectors.segment.narrowing import is_one_of
from automations.connectors.segment.samples import sample as sample_of
from automations.engine.contracts import DirectoryLike, NotYet, Occurrence, field


class PageViewed(MessageTrigger):
    """A user looked at a web page.

    `page.name` and `page.category` name it where the site does; `properties` has `url`, `path`, `title`, `referrer`.
    """

    key = "segment.page"
    title = "Page viewed"
    sentence = "a page is viewed"
    topics = (topic_of("page"),)
    entity = "page"
    sample = sample_of("page")

    class Fields(MessageFields):
        name: list[str] | str | None = field(
            "Page name", "Exactly as it is sent; a list takes any of them. Empty: every page.", default=None
        )

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        return is_one_of("name", occurrence.record.get("name"), fields.name) or super().narrow(
            fields, occurrence, directory
        )
