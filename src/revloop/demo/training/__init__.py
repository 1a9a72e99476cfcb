"""How the demo critic is trained: not needed to use it. ``python -m revloop.demo.training``."""
