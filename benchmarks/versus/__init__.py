"""revloop beside the programs of ``benchmarks/baselines``: ``python -m benchmarks.versus``."""
