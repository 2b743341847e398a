"""One thread's connection, kept while its write transactions follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from automations.model.database import BUSY_TIMEOUT_MS, Database
from automations.model.statements import PlainConnection, Statements, begin_immediate


class KeptConnection:
    """Writes as `Database.write_plain` does, without asking the pool each time. For one thread.

    On SQLite taking a connection and giving it back cost as much as a small commit. PostgreSQL's are asked for each
    time, because a pool finds out which of them broke.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._borrowed = ExitStack()
        self._cursor: Any = None

    @contextmanager
    def write(self, *, one_statement: bool = False) -> Iterator[Statements]:
        """Yield the connection in a write transaction, on disk when the block ends.

        one_statement: whether nothing but one statement is run in it.
        Raises StorageUnavailableError as `Database.write` does. A connection with which anything failed is given back.
        """
        if not self._database.on_sqlite:
            writing = self._database.write_one_plain if one_statement else self._database.write_plain
            with writing() as connection:
                yield connection
            return
        try:
            if self._cursor is None:
                self._cursor = self._borrowed.enter_context(self._database.bare())
            begin_immediate(self._cursor, BUSY_TIMEOUT_MS)
            yield PlainConnection(self._database.engine.dialect, self._cursor)
            self._cursor.execute("COMMIT")
        except BaseException as error:
            # The pool undoes what was begun, and what it was borrowed from says what the error means.
            self._give_back(error)
            raise

    def give_back(self) -> None:
        """Let others have the connection until the next transaction."""
        self._give_back(None)

    def _give_back(self, error: BaseException | None) -> None:
        borrowed, self._borrowed, self._cursor = self._borrowed, ExitStack(), None
        borrowed.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)
