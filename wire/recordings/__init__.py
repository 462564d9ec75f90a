"""Exchanges that others have recorded: each module reads one kind of file, whatever is in it, and says what it does not hold."""
