"""What can be told of match fields when a recipe is saved: that one cannot find anything."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from automations.connectors.pipedrive.lists import FIELD_LISTS
from automations.connectors.pipedrive.match import BUILT_IN, SEARCHABLE, field_meant, searchable
from automations.connectors.pipedrive.narrowing import same_name
from automations.engine.contracts import Action, DirectoryLike

if TYPE_CHECKING:
    from automations.connectors.pipedrive.settings import PipedriveSettings


class MatchingAction(Action):
    """An action that finds records. entity: of its own `match_field`; linked: entities of `<entity>_match_field`."""

    entity: ClassVar[str] = ""
    linked: ClassVar[tuple[str, ...]] = ()

    def check_mapping(
        self, fields: Mapping[str, Any], settings: PipedriveSettings, directory: DirectoryLike
    ) -> list[tuple[str, str]]:
        """Refuse match fields that Pipedrive cannot search, as far as the remembered field lists tell."""
        problems = []
        for entity, name in self.match_fields(fields):
            problem = field_problem(settings, directory, entity, self._wanted(fields, settings, entity, name))
            if problem:
                problems.append((name, problem))
        return problems

    def match_fields(self, fields: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return the pairs of entity and match field whose value is mapped."""
        own = [(self.entity, "match_field")] if self.entity else []
        return [*own, *((entity, f"{entity}_match_field") for entity in self.linked)]

    def _wanted(self, fields: Mapping[str, Any], settings: Any, entity: str, name: str) -> str:
        """Return the field as a constant, else the connection's; empty where a template decides, or nobody asks."""
        given = fields.get(name)
        if given not in (None, ""):
            return given if isinstance(given, str) and "{" not in given else ""
        if fields.get(name.replace("_field", "_value")) in (None, ""):
            return ""
        return str(getattr(settings, f"{entity}_match_field", ""))


class EntityAction(MatchingAction):
    """An action whose author names the entity that `match_field` is about."""

    def match_fields(self, fields: Mapping[str, Any]) -> list[tuple[str, str]]:
        entity = fields.get("entity")
        return [(entity, "match_field")] if isinstance(entity, str) and entity in BUILT_IN else []


def field_problem(
    settings: PipedriveSettings, directory: DirectoryLike, entity: str, wanted: str
) -> str | None:
    """Return why this field cannot find records of the entity, and what can; None when it can or nobody knows."""
    name = field_meant(settings, entity, wanted)
    if not name or name.lower() in BUILT_IN.get(entity, ()) or entity not in BUILT_IN:
        return None
    definitions = directory.get(FIELD_LISTS[entity]) if entity in FIELD_LISTS else []
    if definitions is None:
        return None
    can = searchable(entity, definitions)
    known = [one for one in definitions if one["is_custom"]]
    found = [one for one in known if one["id"] == name or same_name(one["name"], name)]
    if not found:
        near = difflib.get_close_matches(name, [str(one["name"]) for one in known], n=1, cutoff=0.6)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{name!r} cannot find a {entity}; these can: {can}.{hint}"
    if found[0]["type"] not in SEARCHABLE:
        return f"Pipedrive cannot search {found[0]['name']!r} ({found[0]['type']}); these find a {entity}: {can}."
    return None
