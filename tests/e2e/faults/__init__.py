"""A faulty server, and the matrix of how revloop copes with it.

    python -m tests.e2e.faults

runs the loop through every fault and tabulates what was lost, which has to be nothing.
"""
