"""Connections to PostgreSQL that are not asked at each use whether they live."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from automations.errors import StorageUnavailableError
from automations.model import postgres
from automations.model.database import Database
from automations.model.person import Installation

pytestmark = pytest.mark.postgres


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    database.migrate()
    yield database
    database.close()


def backend(database: Database) -> int:
    with database.read_plain() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() or 0)


def end_backends(database: Database, number: int) -> None:
    address = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 2000)", (number,))


def write_while_it_ends(database: Database, number: int) -> None:
    with database.write_plain() as connection:
        end_backends(database, number)
        connection.exec_driver_sql("SELECT 1")


def test_a_connection_that_the_server_ended_is_replaced_without_a_word(database: Database) -> None:
    number = backend(database)
    end_backends(database, number)
    assert backend(database) != number
    with database.write() as session:
        session.add(Installation(name="here", value="1"))


def test_one_that_lay_idle_for_long_is_asked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    number = backend(database)
    end_backends(database, number)
    monkeypatch.setattr(postgres, "_TRUSTED_S", -1.0)
    monkeypatch.setattr(postgres, "_has_word", lambda _: False)
    assert backend(database) != number


def test_one_that_ends_in_the_middle_is_told_and_not_used_again(database: Database) -> None:
    number = backend(database)
    with pytest.raises(StorageUnavailableError):
        write_while_it_ends(database, number)
    assert backend(database) != number


@pytest.mark.parametrize("way", ["write_plain", "write", "connect_for_write"])
def test_one_that_stands_still_in_a_transaction_loses_it_and_its_locks(
    database: Database, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    with database.write() as session:
        session.add(Installation(name="here", value="1"))
    monkeypatch.setattr(postgres, "STANDING_STILL_MS", 300)
    sleeper = Database(database.url)
    change = "UPDATE installation SET value='{}' WHERE name='here'"

    def stand_still() -> None:
        with getattr(sleeper, way)() as found:
            connection = found.connection() if way == "write" else found
            connection.exec_driver_sql(change.format("sleeper"))
            # Waits for the row until the server has ended the other's transaction.
            with database.write_plain() as other:
                other.exec_driver_sql(change.format("other"))
            connection.exec_driver_sql(change.format("sleeper, awake"))

    with pytest.raises(StorageUnavailableError):
        stand_still()
    with sleeper.read_plain() as connection:
        found = connection.exec_driver_sql("SELECT value FROM installation WHERE name='here'").scalar()
    assert found == "other"
    sleeper.close()


def test_either_side_finds_out_that_the_other_is_gone(database: Database) -> None:
    def told(url: str) -> dict[str, str]:
        asked = Database(url)
        raw = asked.engine.raw_connection()
        assert raw.driver_connection is not None
        parameters = raw.driver_connection.info.get_parameters()
        raw.close()
        asked.close()
        return parameters

    plain = told(database.url)
    assert int(plain["keepalives_idle"]) + 3 * int(plain["keepalives_interval"]) <= 60
    assert int(plain["tcp_user_timeout"]) <= 60_000
    assert (
        told(f"{database.url}{'&' if '?' in database.url else '?'}keepalives_idle=7")["keepalives_idle"]
        == "7"
    )
    with database.read_plain() as connection:
        assert connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "1min"
        assert connection.exec_driver_sql("SHOW jit").scalar() == "off"
        # A connection by a file of this machine has no such thing, and says 0.
        by_network = database.engine.url.host is not None
        idle_s = connection.exec_driver_sql("SHOW tcp_keepalives_idle").scalar()
        assert idle_s == ("20" if by_network else "0")


def test_a_plain_transaction_is_one_and_leaves_the_connection_as_it_was(database: Database) -> None:
    with contextlib.suppress(KeyError), database.write_plain() as connection:
        connection.exec_driver_sql("INSERT INTO installation (name, value) VALUES ('half', '1')")
        raise KeyError
    with database.write_plain(durable=False) as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "off"
        connection.exec_driver_sql("INSERT INTO installation (name, value) VALUES ('whole', '1')")
    with database.read() as session:
        assert session.get(Installation, "half") is None
        assert session.get(Installation, "whole") is not None
    with contextlib.suppress(KeyError), database.connect_for_write() as plain:
        assert plain.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        plain.exec_driver_sql("DELETE FROM installation WHERE name='whole'")
        raise KeyError
    with database.read() as session:
        assert session.get(Installation, "whole") is not None


def test_what_was_prepared_stays_prepared_over_reads(database: Database) -> None:
    def prepared() -> int:
        with database.read_plain() as connection:
            sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%installation%'"
            return int(connection.exec_driver_sql(sql).scalar() or 0)

    for _ in range(7):
        with database.read_plain() as connection:
            connection.exec_driver_sql("SELECT value FROM installation WHERE name=%s", ("here",)).first()
    assert prepared() == 1
    with database.read() as session:
        session.get(Installation, "here")
    assert prepared() == 1


def test_a_read_begins_no_transaction(database: Database) -> None:
    with database.read() as session:
        session.get(Installation, "here")
        driver = session.connection().connection.dbapi_connection
        assert driver is not None
        assert driver.info.transaction_status == 0
