"""Turns an admitted body into a response: the planner (pure, seeded), a schedule of absolute offsets, and finally the bill."""
