"""Deviations: every fault the mock can commit, and every oddity that is legal.

How to add one
--------------
Write a function in a file of its layer and subject (any ``at_*.py`` of this package is loaded)::

    @deviation("done-twice", Layer.SSE, {"stream.done-once", "stream.nothing-after-done"})
    def done_twice(frames: Frames, context: Context) -> Frames:
        \"\"\"``[DONE]`` is sent twice.\"\"\"
        for frame in frames:
            yield frame
            if context.edits.ends(frame.raw):
                yield Frame(frame.at, frame.raw)

Most faults need less, for one of the forms in :mod:`~mock_server.deviations.forms` fits: each document, each chunk, each event, a
refusal, a request that is rewritten::

    @each_chunk("role-missing-first-chunk", {"stream.role-first"})
    def role_missing_first_chunk(chunk: Document, context: Context) -> None:
        \"\"\"No delta of a stream names the role.\"\"\"
        for delta in context.edits.messages(chunk):
            delta.pop("role", None)

* The name is the slug of the fault. The docstring is what users read. Keyword-only parameters can be set: ``stream-cut:after=3``.
* ``breaks`` names requirements that must fail because of it; a legal variant has none, and then no check may complain.
* :class:`Layer` says what a function of each layer gets and returns. Frames come one by one and must be passed on one by one:
  the same function works on a finished answer and on a proxied stream that is still coming. Take ``list(frames)`` only to hold back.
* Requests and documents may be of any shape, also one that another deviation left behind: :mod:`~mock_server.deviations.asked` and
  ``context.edits``, which knows where things stand in the format that is spoken, walk over what is there.
* JSON layer: change ``frame.json`` in place; frames without a document (``[DONE]``, comments) have None and pass unchanged.
  SSE layer: change ``frame.raw``. Times are ``frame.at``, in nanoseconds.
* Whether it was applied is found out by comparing what went in with what came out; a function that returns its input was armed only.
* Chance comes from ``context.rng`` alone.

Then add its row to the test of the same file in ``tests/mock_server/deviations``, which looks at the bytes.
"""

from echosounder.mock_server.deviations.armoury import Armoury
from echosounder.mock_server.deviations.registry import Context, Deviation, Layer, all_deviations, deviation, find

__all__ = ["Armoury", "Context", "Deviation", "Layer", "all_deviations", "deviation", "find"]
