"""Any HTTP service: one action, its address and credentials from the connection."""
