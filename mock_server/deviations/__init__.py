"""Deviations: every fault the mock can commit, and every oddity that is legal.

How to add one
--------------
Write a function in the file of its layer (``at_<layer>.py``; a file that grows too long is split, any ``at_*.py`` is loaded)::

    @deviation("done-twice", Layer.SSE, breaks={"stream.done-once"})
    def done_twice(frames: Frames, context: Context, *, times: int = 2) -> Frames:
        \"\"\"``[DONE]`` is sent more than once.\"\"\"
        for frame in frames:
            yield frame
            if is_done(frame):
                yield from (replace(frame) for _ in range(times - 1))

* The name is the slug of the fault. The docstring is what users read. Keyword-only parameters can be set: ``done-twice:times=3``.
* ``breaks`` names requirements that must fail because of it; a legal variant has none, and then no check may complain.
* :class:`Layer` says what a function of each layer gets and returns. Frames come one by one and must be passed on one by one:
  the same function works on a finished answer and on a proxied stream that is still coming. Take ``list(frames)`` only to hold back.
* JSON layer: change ``frame.json`` in place; frames without a document (``[DONE]``, comments) have None and pass unchanged.
  :func:`~mock_server.deviations.edits.edit` covers most of it. SSE layer: change ``frame.raw``. Times are ``frame.at``, in nanoseconds.
* Whether it was applied is found out by comparing what went in with what came out; a function that returns its input was armed only.
* Chance comes from ``context.rng`` alone.

Then add its row to the table in ``tests/mock_server/test_deviations.py``, which looks at the bytes.
"""

from mock_server.deviations.armoury import Armoury
from mock_server.deviations.registry import Context, Deviation, Layer, all_deviations, deviation, find

__all__ = ["Armoury", "Context", "Deviation", "Layer", "all_deviations", "deviation", "find"]
