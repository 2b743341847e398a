"""An account's memory during one delivery: it signs what the delivery writes, so that the echo has an author."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from automations.engine.account_memory import SparingMemory, StoredMemory
from automations.engine.contracts import Became, Imprint
from automations.engine.footprints import Author, Footprints


class SignedMemory(SparingMemory):
    """spare: the part of every budget that is left to others; 0 for work that should not wait."""

    def __init__(
        self, inner: StoredMemory, footprints: Footprints, connection_id: int, author: Author, spare: float
    ) -> None:
        super().__init__(inner, spare)
        self.can_wait = spare > 0
        self._footprints = footprints
        self._connection_id = connection_id
        self._author = author

    def writing(self, imprints: Sequence[Imprint]) -> AbstractContextManager[Became]:
        return self._footprints.writing(self._connection_id, imprints, self._author)
