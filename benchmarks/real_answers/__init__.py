"""Real answers through a real model: what becomes of them, form by form."""
