"""Sockets and time: connections, HTTP framing, the scheduler that writes when it is due, the process, and the relay to an upstream."""
