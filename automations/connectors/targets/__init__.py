"""Services that take profiles and events, each described by one YAML file and no code."""
