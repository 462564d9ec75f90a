"""Load: arrivals on an absolute schedule, streams stamped read by read, figures that carry their own error.

Locust is the engine and runs in a subprocess (:mod:`load.worker.locustfile`), because ``import locust`` patches sockets.
The parent (:mod:`load.engine`) starts it, reads the samples that it appends to files, and analyses them.
"""
