"""The streaming client: connections run in the event loop's callbacks, framing, events, and arrival times. No schedule, no figures."""
