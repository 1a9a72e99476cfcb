"""The planner's curve, its prediction beside a measurement: ``python -m benchmarks.scale``."""
