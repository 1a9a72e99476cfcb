"""Programs that a user might write to critique and revise drafts, as baselines for revloop.

Each reads the same drafts, sends the same prompts as text to the same server with the same limits,
at temperature 0, runs all rounds, and writes each draft's texts::

    python -m benchmarks.baselines.async_openai drafts.jsonl out.jsonl --base-url URL --iterations 5
"""
