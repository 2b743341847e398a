"""Ended jobs are shown for a while and then forgotten; what they made is history of its own."""

from __future__ import annotations

from datetime import timedelta

from automations.clock import Clock
from automations.model.columns import micros
from automations.model.database import Database

KEPT = timedelta(days=90)
SWEEPS_KEPT = timedelta(days=3)

_FORGET = "DELETE FROM job WHERE state IN ('done', 'cancelled') AND finished_at<? AND (kind='sweep' OR finished_at<?)"


def forget_old_jobs(database: Database, clock: Clock) -> int:
    """Remove jobs that ended long ago, sweeps (one an hour) sooner; return how many. Failed ones stay."""
    now = clock.now()
    with database.connect_for_write() as connection:
        parameters = (micros(now - SWEEPS_KEPT), micros(now - KEPT))
        return connection.exec_driver_sql(database.sql(_FORGET), parameters).rowcount
