"""Processes observed or recorded traffic in a separate process, which judges, counts and records each exchange."""
