"""Markdown: the parts of a text that are code."""
