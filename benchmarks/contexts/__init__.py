"""What a shared context does to revisions, and to the scores that a model gives them."""
