"""Pages for people, and the addresses that other programs call."""
