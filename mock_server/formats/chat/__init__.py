"""Chat completions, and the older completions beside them."""
