"""A secret address that takes whatever is posted to it, and a trigger for it."""
