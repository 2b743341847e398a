"""Alembic's entry: migrations always run on the connection that `Database.migrate` opened."""

from alembic import context
from sqlmodel import SQLModel

import automations.model.connection
import automations.model.description
import automations.model.guards
import automations.model.history
import automations.model.job
import automations.model.made
import automations.model.person
import automations.model.process
import automations.model.recipe
import automations.model.replay
import automations.model.storage  # noqa: F401

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    compare_type=False,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
