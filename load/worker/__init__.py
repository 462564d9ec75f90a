"""What runs in a worker's process: which request goes out when, what is in it, and when to stop. Locust is imported in one file."""
