"""Reward models, in this process and behind a server: each gives a text one number."""
