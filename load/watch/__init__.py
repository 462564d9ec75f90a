"""A run looked at while it lasts: the page, Prometheus, OpenTelemetry."""
