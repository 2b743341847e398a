"""What a connector promises, and what the engine promises it in return.

A connector brings one `ConnectionKind`, triggers and actions; each class is its own single truth: the form,
the checks, the reference page and the typed values all come from its `Settings` or `Fields`. Nothing here
knows a product or opens a socket.
"""

from automations.engine.contracts.actions import (
    Action,
    Batch,
    BatchItem,
    BatchLimits,
    Call,
    ItemResult,
    Outcome,
    error_as_json,
)
from automations.engine.contracts.described import DescribedKind, Description
from automations.engine.contracts.fields import (
    ActionFields,
    ConnectionSettings,
    Fields,
    JsonObject,
    TriggerFields,
    field,
)
from automations.engine.contracts.happenings import Arrival, Occurrence, changed_names
from automations.engine.contracts.imprints import Became, Imprint, Verb
from automations.engine.contracts.kinds import (
    ConnectionKind,
    ConnectionReport,
    InboundRequest,
    OAuth,
    RemoteHook,
    Snippet,
)
from automations.engine.contracts.listings import ListedPage, RecordState, Window
from automations.engine.contracts.reaching import (
    BudgetLeft,
    DirectoryLike,
    DoorLike,
    DoorMode,
    DoorReply,
    ExchangeRecord,
    Fence,
    Pool,
)
from automations.engine.contracts.triggers import NOT_YET, NotYet, Trigger, topic_fits, topic_patterns

__all__ = [
    "NOT_YET",
    "Action",
    "ActionFields",
    "Arrival",
    "Batch",
    "BatchItem",
    "BatchLimits",
    "Became",
    "BudgetLeft",
    "Call",
    "ConnectionKind",
    "ConnectionReport",
    "ConnectionSettings",
    "DescribedKind",
    "Description",
    "DirectoryLike",
    "DoorLike",
    "DoorMode",
    "DoorReply",
    "ExchangeRecord",
    "Fence",
    "Fields",
    "Imprint",
    "InboundRequest",
    "ItemResult",
    "JsonObject",
    "ListedPage",
    "NotYet",
    "OAuth",
    "Occurrence",
    "Outcome",
    "Pool",
    "RecordState",
    "RemoteHook",
    "Snippet",
    "Trigger",
    "TriggerFields",
    "Verb",
    "Window",
    "changed_names",
    "error_as_json",
    "field",
    "topic_fits",
    "topic_patterns",
]
