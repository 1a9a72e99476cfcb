"""Tokens a step of speculative decoding on critiques and revisions, by replay."""
