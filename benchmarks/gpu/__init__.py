"""Measurements on a GPU, with the shape of Falcon-40B and dummy weights."""
