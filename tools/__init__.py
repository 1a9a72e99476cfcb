"""Tools for work on revloop itself."""
