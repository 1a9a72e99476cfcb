"""revloop against the programs in ``benchmarks/baselines``: ``python -m benchmarks.versus``."""
