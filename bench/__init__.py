"""The benchmark: what this engine does a second, beside what the machine could do at most, in the same run."""
