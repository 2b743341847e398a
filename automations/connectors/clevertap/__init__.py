"""CleverTap: profiles and events go out by its upload API, many records a call, each with its own outcome."""
