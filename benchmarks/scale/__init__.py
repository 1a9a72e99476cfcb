"""The planner's curve, and its prediction against a measurement: ``python -m benchmarks.scale``."""
