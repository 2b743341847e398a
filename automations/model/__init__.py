"""What is stored: one module a concept, and the one way to the database."""
