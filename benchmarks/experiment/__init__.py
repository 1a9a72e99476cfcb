"""The paper's experiment in miniature: ``python -m benchmarks.experiment`` (`make experiment`)."""
