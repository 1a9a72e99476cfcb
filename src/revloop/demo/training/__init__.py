"""Train the demo's base: ``python -m revloop.demo.training``. Not needed to use it."""
