"""Tokens a step that speculative decoding gives on critiques and on revisions, by replay."""
