"""Tokens with which programs call: long, random, shown once, kept as a digest."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from automations.clock import Clock
from automations.errors import InputError, NotFoundError
from automations.model.database import Database
from automations.model.person import ApiToken
from automations.model.states import Role

PREFIX: Final = "aut_"
NAME_MAX: Final = 200
_NOTED_EVERY: Final = timedelta(hours=1)


class Tokens:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, name: str, role: Role) -> str:
        """Make a token and return its text, which cannot be had again. Raises InputError for a name in use."""
        wanted = name.strip()
        if not wanted or len(wanted) > NAME_MAX or not wanted.isprintable():
            raise InputError(f"A token's name has 1 to {NAME_MAX} printable characters.")
        text = PREFIX + secrets.token_urlsafe(32)
        row = ApiToken(name=wanted, role=role, digest=_digest(text), created_at=self._clock.now())
        try:
            with self._database.write() as session:
                session.add(row)
        except IntegrityError:
            raise InputError(
                f"There is a token named {wanted!r} already. Remove it first, or choose another name.",
                status=409,
            ) from None
        return text

    def holder(self, text: str) -> ApiToken | None:
        """Return the token that this text is, None for a wrong one."""
        with self._database.read() as session:
            row = session.exec(select(ApiToken).where(col(ApiToken.digest) == _digest(text))).first()
        now = self._clock.now()
        if row is not None and (row.used_at is None or row.used_at < now - _NOTED_EVERY):
            with self._database.write() as session:
                kept = session.get(ApiToken, row.id)
                if kept is not None:
                    kept.used_at = now
                    session.add(kept)
        return row

    def all(self) -> list[ApiToken]:
        with self._database.read() as session:
            return list(session.exec(select(ApiToken).order_by(col(ApiToken.name))))

    def remove(self, name: str) -> None:
        """Raises NotFoundError."""
        with self._database.write() as session:
            row = session.exec(select(ApiToken).where(col(ApiToken.name) == name)).first()
            if row is None:
                raise NotFoundError(f"There is no token named {name!r}. `automations token list` shows them.")
            session.delete(row)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
