"""The key that signs session cookies: made once, shared by all processes of an installation, stored sealed."""

from __future__ import annotations

import secrets

from sqlalchemy.exc import IntegrityError

from automations.errors import SettingsError
from automations.model.database import Database
from automations.model.person import Installation
from automations.model.sealing import Sealer

_NAME = "session_key"


def session_key(database: Database, sealer: Sealer) -> str:
    """Return the installation's session key, at least 32 random bytes; the first process makes it.

    Where the secret keys were replaced, the old one cannot be opened: a new one is made and everybody signs
    in again.
    """
    try:
        return _read_or_make(database, sealer)
    except IntegrityError:
        # Another process was faster; its key is there now.
        return _read_or_make(database, sealer)


def _read_or_make(database: Database, sealer: Sealer) -> str:
    with database.write() as session:
        row = session.get(Installation, _NAME) or Installation(name=_NAME, value="")
        if row.value:
            try:
                return sealer.open(_NAME, row.value)["key"]
            except SettingsError:
                pass
        key = secrets.token_urlsafe(48)
        row.value = sealer.seal(_NAME, {"key": key})
        session.add(row)
    return key
