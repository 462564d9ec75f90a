"""Live views of a run: the page, Prometheus, OpenTelemetry."""
