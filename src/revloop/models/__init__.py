"""Facts about a model folder and about the machine that is to run it."""
