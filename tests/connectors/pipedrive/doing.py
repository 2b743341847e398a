"""Short ways to perform an action and to see what it did."""

from automations.engine.contracts import Call

CALL = Call(idempotency_key="k", now="2026-11-22T10:00:00Z")


def doing(action):
    """Return `perform` and `settle` of an action class, with fields as keywords."""

    def perform(client, call=CALL, **fields):
        return action().perform(action.Fields(**fields), client, call)

    def settle(client, call=CALL, **fields):
        return action().settle(action.Fields(**fields), client, call)

    return perform, settle


def only(pd, entity):
    (record,) = pd.records(entity).values()
    return record


def writes(pd):
    return [(one.method, one.path, one.json) for one in pd.requests if one.method != "GET"]


def searches(pd):
    return [one.path for one in pd.requests if one.path.endswith("/search")]
