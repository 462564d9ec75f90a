"""Processing of observed or recorded traffic: each exchange judged, counted and written down, in a process of its own."""
