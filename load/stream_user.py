"""``StreamUser``: the stream client for your own locustfile, run by plain ``locust -f``. Importing it imports Locust.

A task sends with :meth:`StreamUser.stream`, which returns the measured sample when the answer is over. Locust's event
``request`` is fired per answer, with the sample in its context, and the time to the first token and the gaps are
entries of their own in Locust's statistics: per name, and not in its totals, which count answers. Workers send them to
their master like all others.
"""

import os
import time
from functools import cache
from itertools import count
from typing import Any

import gevent
from gevent.event import Event
from locust import User
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from echosounder import specs
from echosounder.load.client.call import ActiveCall, Job, sample
from echosounder.load.client.client import Client
from echosounder.load.client.head import Head
from echosounder.load.figures.latency import column_us
from echosounder.load.options import Options
from echosounder.load.sample import Sample
from echosounder.load.worker.assembly import endpoint
from echosounder.load.worker.session import SWEEP
from echosounder.wire import formats
from echosounder.wire.errors import UsageError
from echosounder.wire.formats import Question, Turn
from echosounder.wire.strict_json import compact
from echosounder.wire.target import Target

EXTRA = ("ttft", "tpot")  # latencies with one value per answer that get their own entry; gaps have one, too
_NUMBERS = count()


class StreamUser(User):
    """A user whose tasks send streamed requests. ``host`` is the base URL, as ``--host`` gives it.

    ``model`` has to be set; ``api_key_env`` names the variable that holds the key, ``wire_format`` the format to ask in.
    """

    abstract = True
    model = ""
    api_key_env = "DEEPSEEK_API_KEY"
    wire_format = "chat"
    idle_timeout = 120.0  # s without a byte after which a stream is abandoned

    def stream(self, prompt: str | tuple[Turn, ...], max_tokens: int = 64, name: str = "", **asked: Any) -> Sample:
        """Send a request, read the answer to its end, and return its sample; never raises for errors of a target: ``failure`` names
        them.

        *prompt*: the user's text, or the turns of a conversation. *asked*: further members of :class:`wire.formats.Question`.
        """
        turns = (Turn("user", prompt),) if isinstance(prompt, str) else prompt
        form = formats.named(self.wire_format)
        question = Question(turns, max_tokens, stream=True, **asked)
        data = compact(form.ask(self.model, question)).encode()
        found = self._sent(Job(name or form.name, form.path, data, True, None, max_tokens, format=form.name))
        _tell(self.environment, found)
        return found

    def stop(self, force: bool = False) -> bool:
        """Stop the user, after its answer unless *force*; True if it was killed at once, as waiting users are.

        Locust's kill takes effect one iteration of the loop later. A user whose wait ends within it would already have begun another
        request, which would not be counted; it therefore checks whether it has been stopped.
        """
        if self._state == LOCUST_STATE_WAITING and not force:
            self._state = LOCUST_STATE_STOPPING
            self._group.killone(self._greenlet)
            return True
        return bool(super().stop(force))

    def _sent(self, job: Job) -> Sample:
        if not self.model or not self.host:
            raise UsageError(
                f"{type(self).__name__} needs a model, and a host: set model in the class, and give --host"
            )
        client, head = _client(self.host, os.environ.get(self.api_key_env), self.idle_timeout)
        now = time.monotonic_ns()
        call = _Awaited(f"0-{next(_NUMBERS)}", job, now, now)
        client.send(call, head.request(job))
        call.over.wait()
        return sample(call, head.redact)


class _Awaited(ActiveCall):
    """A call that a greenlet waits for."""

    __slots__ = ("over",)

    def __init__(self, *values: Any) -> None:
        super().__init__(*values)
        self.over = Event()


@cache
def _client(host: str, key: str | None, idle: float) -> tuple[Client, Head]:
    """The client shared by all users of a process, so that connections are reused among users."""
    options = Options(url=host, api_key=key, profile=specs.DEFAULT_PROFILE, idle_timeout=idle)
    target: Target = options.target
    loop = gevent.get_hub().loop
    client = Client(endpoint(options), loop)
    client.done = _done
    sweeper = loop.timer(SWEEP, SWEEP)
    sweeper.start(lambda: client.sweep(time.monotonic_ns()), update=True)
    return client, Head(target, key)


def _done(call: ActiveCall) -> None:
    assert isinstance(call, _Awaited)
    call.over.set()


def _tell(environment: Any, found: Sample) -> None:
    """Fire Locust's event, and add our own entries to its statistics."""
    began, ended = found.t_sent or found.t_dispatched, found.t_closed or found.t_dispatched
    environment.events.request.fire(
        request_type="POST",
        name=found.name,
        response_time=(ended - began) / 1e6,
        response_length=found.bytes,
        exception=RuntimeError(found.failure) if found.failure else None,
        context={"sample": found},
    )
    for latency in EXTRA:
        for value in column_us(latency, (found,)):
            environment.stats.get(found.name, latency.upper()).log(value / 1000, 0)
    for gap in found.gaps_us:
        environment.stats.get(found.name, "gap").log(gap / 1000, 0)
