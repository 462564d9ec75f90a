"""Builds a session from the options, with all its parts."""

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from echosounder.load.client import tls as client_tls
from echosounder.load.client.client import Client, Endpoint
from echosounder.load.client.head import Head, tunnel
from echosounder.load.client.stamps import Stamps
from echosounder.load.demands import input_lengths
from echosounder.load.inputs import Due, items, paid, trace, worst
from echosounder.load.options import Options
from echosounder.load.sample import Sample
from echosounder.load.worker import shape
from echosounder.load.worker.breaker import Breaker
from echosounder.load.worker.budget import LoadBudget, share
from echosounder.load.worker.dispatcher import Dispatcher
from echosounder.load.worker.recorder import Recorder
from echosounder.load.worker.schedule import due
from echosounder.load.worker.session import Opened, Session
from echosounder.load.worker.workload import Workload

SECOND = 1_000_000_000


def session(
    options: Options,
    worker: int,
    loop: Any,
    observe: Callable[[Sample], None],
    ended: Callable[[], None],
    ship: Callable[[bytes], None] | None = None,
) -> Session:
    """The session of worker number *worker*; ``ship`` receives a copy of the data that it appends to its file.

    Raises :class:`OSError` if the target's name does not resolve or the disk is full.
    """
    lines = trace(options.trace) if options.trace else None
    workload = Workload(
        items(options), options.model or "", options.seed, _lengths(lines), _sweep(options), _blocks(lines)
    )
    return Session(
        options,
        worker,
        jobs=workload.job,
        opened=_opened(workload),
        head=Head(options.target, options.api_key),
        dispatcher=_dispatcher(options, worker, lines),
        client=Client(endpoint(options), loop, Stamps(options.kernel_stamps)),
        recorder=Recorder(part(options.out, worker), ship),
        budget=_budget(options, worker),
        breaker=Breaker(options.breaker, options.workers),
        loop=loop,
        observe=observe,
        ended=ended,
    )


def _opened(workload: Workload) -> Callable[[int], Opened] | None:
    """The sessions of a workload; None if it has only single requests."""

    def opened(index: int) -> Opened:
        item = workload.item(index)
        return (item.name, workload.dialogue(index), partial(workload.utterance, item)) if item.session else None

    return opened if workload.sessions else None


def part(out: Path, worker: int) -> Path:
    """The file that worker number *worker* appends to."""
    return out / "parts" / f"worker-{worker}.jsonl"


def endpoint(options: Options) -> Endpoint:
    """Address to connect to. Raises :class:`OSError` for a name without an address or an unreadable file of authorities."""
    target = options.target
    url = urlsplit(target.url)
    secure = url.scheme == "https"
    host = url.hostname or ""
    place = target.access.proxy_address or (host, url.port or (443 if secure else 80))
    found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM)
    family, address = _answering(found, options.connect_timeout)
    return Endpoint(
        family,
        address,
        host,
        client_tls.context(target.access) if secure else None,
        tunnel(target),
        *(
            round(seconds * SECOND)
            for seconds in (options.connect_timeout, options.idle_timeout, options.total_timeout)
        ),
    )


def _answering(found: Any, timeout: float) -> tuple[int, Any]:
    """The first address that accepts a connection; ``localhost`` often has two, of which the server uses one."""
    if len(found) > 1:
        for family, _, _, _, address in found:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(timeout)
                if probe.connect_ex(address) == 0:
                    return family, address
    return found[0][0], found[0][4]


def _dispatcher(options: Options, worker: int, lines: list[Due] | None) -> Dispatcher:
    users = shape.parse(options.users, options.duration, options.warmup) if options.users else None
    return Dispatcher(worker, options.workers, due(options, worker, lines), users, min(1.0, options.seconds / 10))


def _lengths(lines: list[Due] | None) -> Callable[[int], tuple[int, int]] | None:
    return None if lines is None else lambda index: (lines[index].prompt_tokens, lines[index].output_tokens)


def _blocks(lines: list[Due] | None) -> Callable[[int], tuple[int, ...]] | None:
    return None if lines is None else lambda index: lines[index].blocks


def _sweep(options: Options) -> Callable[[float], int] | None:
    if options.by_input_length is None:
        return None
    lengths = [tokens for _, tokens in input_lengths(options)]
    each = options.duration / len(lengths)
    return lambda at: lengths[min(max(int(at / each), 0), len(lengths) - 1)]


def _budget(options: Options, worker: int) -> LoadBudget:
    """This worker's share of the budget."""
    usd, requests = options.budget, options.budget_requests
    return LoadBudget(
        worst(options),
        None if usd is None else usd / options.workers,
        None if requests is None else share(requests, worker, options.workers),
        paid=paid(options),
    )
