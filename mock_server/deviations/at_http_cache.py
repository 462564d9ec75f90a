"""A front end with a response cache, which answers requests that it should forward."""

import re
from dataclasses import replace
from uuid import UUID

from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Reply
from echosounder.wire.strict_json import compact

ID = re.compile(rb'"id":"[0-9a-f-]{36}"')


@deviation("response-cache", Layer.HTTP, {"chat.answers-fresh"})
def response_cache(reply: Reply, context: Context, *, by: str = "messages", mint: bool = False) -> Reply:
    """Responses are cached, and returned to clients that send the same model and messages; ``mint`` gives each a new id.

    ``by`` lists the members of a request that are part of the cache key, beside the mode; ``last`` stands for the beginning of the
    messages.
    """
    kept, key = context.memory.setdefault("kept", {}), _key(context, by.split("+"))
    if context.request.method != "POST" or not context.body.get("messages"):
        return reply
    if key in kept:
        again, pieces = kept[key]
        id = b'"id":"%b"' % str(UUID(int=context.rng.getrandbits(128))).encode()
        frames = [replace(frame, raw=ID.sub(id, frame.raw) if mint else frame.raw) for frame in pieces]
        made: Reply = replace(again, headers=list(again.headers), frames=iter(frames))
        return made
    if reply.status == 200:
        frames = list(reply.frames)
        kept[key] = replace(reply, headers=list(reply.headers)), [replace(frame) for frame in frames]
        reply.frames = iter(frames)
    return reply


def _key(context: Context, members: list[str]) -> str:
    wanted = {name: context.body.get(name) for name in ("model", "stream", *members)}
    if "last" in members:
        wanted["last"] = (context.body.get("messages") or [None])[:-1]
    return compact(wanted)
