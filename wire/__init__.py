"""Sans-IO core: data on the wire, as values and pure functions.

Bytes become events (:mod:`wire.sse`), an HTTP exchange with every read's stamp becomes an :class:`~wire.exchange.Exchange`,
tokens become money (:mod:`wire.usage`, :mod:`wire.prices`), and what a run learned becomes JSON lines (:mod:`wire.runlog`).
Nothing here opens a socket or reads a clock.
"""
