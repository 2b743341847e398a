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
        if not _is_address(address):
            raise InputError(f"{email!r} is no e-mail address. Write one such as ana@example.com.")
        if not _is_password(password):
            raise InputError(f"A password has {PASSWORD_MIN} to {PASSWORD_MAX_BYTES} characters.")
        password_hash = _hasher.hash(password)
        with self._database.write() as session:
            user = session.exec(select(User).where(col(User.email) == address).with_for_update()).first()
            user = user or User(
                email=address, password_hash="", session_token="", created_at=self._clock.now()
            )
            user.password_hash = password_hash
            user.session_token = secrets.token_urlsafe(32)
            user.role = role
            user.failed_sign_ins, user.locked_until = 0, None
            session.add(user)
        return user

    def check(self, email: str, password: str) -> User | None:
        """Return the person, or None for a wrong address or password; the same time for both.

        Raises InputError after ten wrong tries in a row, for fifteen minutes.
        """
        address = email.strip().lower()
        user = self._find(address) if _is_address(address) else None
        self._refuse_locked(user)
        # Outside of any transaction: it takes a tenth of a second, and a writer would hold up the events.
        right = _verify(user.password_hash if user else _NOBODY, password)
        return self._noted(user, right=right) if user is not None else None

    def _find(self, address: str) -> User | None:
        with self._database.read() as session:
            return session.exec(select(User).where(col(User.email) == address)).first()

    def _refuse_locked(self, user: User | None) -> None:
        if user is not None and user.locked_until is not None and user.locked_until > self._clock.now():
            raise InputError("Too many wrong passwords. Wait fifteen minutes and try again.", status=429)

    def _noted(self, seen: User, *, right: bool) -> User | None:
        """Count the try; a right one counts only while nobody locked the person or changed the password."""
        with self._database.write() as session:
            user = session.exec(select(User).where(col(User.id) == seen.id).with_for_update()).first()
            self._refuse_locked(user)
            if user is None or user.password_hash != seen.password_hash:
                return None
            user.failed_sign_ins = 0 if right else user.failed_sign_ins + 1
            if user.failed_sign_ins >= FAILURES_MAX:
                user.failed_sign_ins, user.locked_until = 0, self._clock.now() + LOCKED_FOR
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


def _is_address(text: str) -> bool:
    return (
        text.count("@") == 1
        and 3 <= len(text) <= 254
        and text.isprintable()
        and " " not in text
        and "" not in text.split("@")
    )


def _is_password(text: str) -> bool:
    try:
        return len(text) >= PASSWORD_MIN and len(text.encode()) <= PASSWORD_MAX_BYTES
    except UnicodeEncodeError:
        return False


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password[:PASSWORD_MAX_BYTES])
    except (VerificationError, UnicodeEncodeError):
        return False
