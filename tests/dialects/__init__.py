"""The dialects of OpenAI-compatible servers: what they answer, and what revloop makes of it.

One module per dialect holds its replies as plain data, in the shapes that the servers' sources,
documentation and bug reports show; each names its source. `test_dialects.py` sends them through the
product, and `page.py` writes docs/servers.md from them.
"""
