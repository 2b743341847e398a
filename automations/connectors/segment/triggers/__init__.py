"""One file a message type."""
