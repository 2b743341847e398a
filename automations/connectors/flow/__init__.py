"""Steps that reach nothing: values for later steps, and an end."""
