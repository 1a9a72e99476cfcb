"""Programs that a user would write to critique and revise drafts, to measure revloop against.

Each takes the same file of drafts, sends the same prompts as text to the same server with the same
limits, at temperature 0, does all rounds, and writes each draft's texts::

    python -m benchmarks.baselines.async_openai drafts.jsonl out.jsonl --base-url URL --iterations 5
"""
