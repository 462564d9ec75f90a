"""The streaming client: connections in the loop's callbacks, framing, events, when their bytes arrived. No schedule, no figures."""
