"""Deviations: every fault that the mock can commit, and every legal variant.

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

Most faults need less code, because one of the decorators in :mod:`~mock_server.deviations.forms` fits:
for each JSON object, each chunk, each event, a refusal, or a rewritten request::

    @each_chunk("role-missing-first-chunk", {"stream.role-first"})
    def role_missing_first_chunk(chunk: Document, context: Context) -> None:
        \"\"\"No delta of a stream names the role.\"\"\"
        for delta in context.edits.messages(chunk):
            delta.pop("role", None)

* The name is the slug of the fault. Users see the docstring. Keyword-only parameters can be set: ``stream-cut:after=3``.
* ``breaks`` names requirements that must fail because of it; a legal variant has none, and no check may report it.
* :class:`Layer` documents the arguments and the result of the functions of each layer. Frames arrive one by one and must be
  passed on one by one: the same function works on a finished answer and on a proxied stream that is still arriving.
  Use ``list(frames)`` only in order to buffer.
* Requests and answers may have any shape, even one that another deviation produced: :mod:`~mock_server.deviations.asked` and
  ``context.edits``, which knows the structure of the wire format in use, visit only what is present.
* JSON layer: change ``frame.json`` in place; frames without JSON (``[DONE]``, comments) have None and pass unchanged.
  SSE layer: change ``frame.raw``. Times are ``frame.at``, in nanoseconds.
* A deviation counts as applied if its output differs from its input; otherwise it was only armed.
* Take random numbers only from ``context.rng``.

Then add its row to the test of the same file in ``tests/mock_server/deviations``, which checks the bytes.
"""

from echosounder.mock_server.deviations.armoury import Armoury
from echosounder.mock_server.deviations.registry import Context, Deviation, Layer, all_deviations, deviation, find

__all__ = ["Armoury", "Context", "Deviation", "Layer", "all_deviations", "deviation", "find"]
