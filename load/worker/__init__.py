"""The worker process: schedule, content and stop of requests. Only one file imports Locust."""
