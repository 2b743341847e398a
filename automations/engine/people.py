"""People who sign in: made by a command, kept with Argon2id, slowed down after wrong passwords."""

from __future__ import annotations

import secrets
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import func
from sqlmodel import col, select

from automations.clock import Clock
from automations.errors import InputError, NotFoundError
from automations.model.database import Database
from automations.model.person import User
from automations.model.states import Role

PASSWORD_MIN = 12
PASSWORD_MAX_BYTES = 1_024
FAILURES_MAX = 10
LOCKED_FOR = timedelta(minutes=15)

_hasher = PasswordHasher()
# Verified for unknown people too, so that the answer takes as long.
_NOBODY = _hasher.hash("nobody has this password")


class People:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, email: str, password: str, role: Role) -> User:
        """Make a person, or give an existing one this password and role, which ends their sessions.

        Raises InputError when the address or the password cannot be used.
        """
        address = email.strip().lower()
        if address.count("@") != 1 or not address.isprintable() or len(address) > 254 or " " in address:
            raise InputError(f"{email!r} is no e-mail address. Write one such as ana@example.com.")
        if len(password) < PASSWORD_MIN or len(password.encode()) > PASSWORD_MAX_BYTES:
            raise InputError(f"A password has {PASSWORD_MIN} to {PASSWORD_MAX_BYTES} characters.")
        with self._database.write() as session:
            user = session.exec(select(User).where(col(User.email) == address)).first()
            user = user or User(
                email=address, password_hash="", session_token="", created_at=self._clock.now()
            )
            user.password_hash = _hasher.hash(password)
            user.session_token = secrets.token_urlsafe(32)
            user.role = role
            user.failed_sign_ins, user.locked_until = 0, None
            session.add(user)
        return user

    def check(self, email: str, password: str) -> User | None:
        """Return the person, or None for a wrong address or password; the same time for both.

        Raises InputError after ten wrong tries in a row, for fifteen minutes.
        """
        now = self._clock.now()
        with self._database.write() as session:
            user = session.exec(select(User).where(col(User.email) == email.strip().lower())).first()
            if user is not None and user.locked_until is not None and user.locked_until > now:
                raise InputError("Too many wrong passwords. Wait fifteen minutes and try again.", status=429)
            right = _verify(user.password_hash if user else _NOBODY, password) and user is not None
            if user is not None:
                user.failed_sign_ins = 0 if right else user.failed_sign_ins + 1
                if user.failed_sign_ins >= FAILURES_MAX:
                    user.failed_sign_ins, user.locked_until = 0, now + LOCKED_FOR
                session.add(user)
            return user if right else None

    def by_session(self, token: str) -> User | None:
        """Return whose session this is; a changed password made the old token worthless."""
        with self._database.read() as session:
            return session.exec(select(User).where(col(User.session_token) == token)).first()

    def all(self) -> list[User]:
        with self._database.read() as session:
            return list(session.exec(select(User).order_by(col(User.email))))

    def end_sessions(self, user_id: int) -> None:
        with self._database.write() as session:
            user = session.get(User, user_id)
            if user is None:
                raise NotFoundError(f"There is no person {user_id}.")
            user.session_token = secrets.token_urlsafe(32)
            session.add(user)

    def count(self) -> int:
        with self._database.read() as session:
            return session.exec(select(func.count()).select_from(User)).one()


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password[:PASSWORD_MAX_BYTES])
    except VerificationError:
        return False
