"""Tokens of a revision that is written as edits, against the whole text, by count."""
