"""The engine: what is guaranteed, whatever the connector."""
