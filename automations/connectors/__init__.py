"""One folder a remote product, and the one door through which calls leave."""
