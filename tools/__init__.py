"""Tools for developing revloop."""
