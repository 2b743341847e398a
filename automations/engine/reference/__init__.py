"""What recipes can name, as values for the reference page and as Markdown for the documents."""

from automations.engine.reference.entries import (
    ActionEntry,
    ErrorEntry,
    FieldEntry,
    KindEntry,
    Reference,
    StateEntry,
    TriggerEntry,
    reference,
)

__all__ = [
    "ActionEntry",
    "ErrorEntry",
    "FieldEntry",
    "KindEntry",
    "Reference",
    "StateEntry",
    "TriggerEntry",
    "reference",
]
