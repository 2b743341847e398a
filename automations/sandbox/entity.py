"""What a kind of record is: the keys it takes and how its list can be narrowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .schema import Check


@dataclass(frozen=True)
class Entity:
    """One kind of record.

    keys: what a create takes; `create_only` of these are refused on update.
    filters: query parameters of the list that compare a key of the record; name -> key.
    include_fields: keys that a reply holds only when asked for.
    """

    name: str
    plural: str
    keys: Mapping[str, Check]
    required: tuple[str, ...] = ()
    create_only: frozenset[str] = frozenset()
    filters: Mapping[str, str] = field(default_factory=dict)
    sort_by: tuple[str, ...] = ("id", "update_time", "add_time")
    include_fields: tuple[str, ...] = ()
    has_custom_fields: bool = True
    token_cost_list: int = 10

    @property
    def label(self) -> str:
        return self.name.capitalize()

    def keys_for_update(self) -> dict[str, Check]:
        return {key: check for key, check in self.keys.items() if key not in self.create_only}
