"""Facts about a model folder and the machine that runs it."""
