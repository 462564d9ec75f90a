"""What becomes of traffic that passes or was recorded: each exchange judged, counted and written down, in a process of its own."""
