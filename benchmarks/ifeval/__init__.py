"""IFEval (arXiv 2311.07911) with its own verifiers as checks."""
