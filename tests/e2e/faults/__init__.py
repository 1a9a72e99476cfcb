"""A server that misbehaves on purpose, and the matrix of what revloop makes of it.

    python -m tests.e2e.faults

runs the loop through every fault and tabulates what was lost, which has to be nothing.
"""
