"""How the demo's base is trained: not needed to use it. ``python -m revloop.demo.training``."""
