"""The worker process: schedule, content and stop of requests. Locust is imported in one file."""
