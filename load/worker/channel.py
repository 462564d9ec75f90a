"""The connection between a master and its workers: encrypted, and accepted only with the run's secret.

It uses CurveZMQ (RFC 26) with key pairs derived from the secret. Only a peer that knows it can derive the master's
public key, which is needed to connect, and only a master that knows it can answer. It is applied to the sockets that
Locust opens.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

SHORTEST = 16
"""Minimum number of characters of a run secret."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    public: bytes
    secret: bytes


def key_pairs(secret: str) -> tuple[KeyPair, KeyPair]:
    """The key pairs of the master and of the workers, in Z85."""
    import zmq
    from zmq.utils import z85

    made = hashlib.scrypt(secret.encode(), salt=b"echosounder run secret", n=2**14, r=8, p=1, dklen=64)
    secrets = [z85.encode(made[:32]), z85.encode(made[32:])]
    master, worker = (KeyPair(zmq.curve_public(each), each) for each in secrets)
    return master, worker


def lock(sockets: Any, secret: str) -> None:
    """Make the Locust class *sockets* open only sockets encrypted with *secret*."""
    import zmq

    opened = sockets.__init__
    master, worker = key_pairs(secret)

    def secured(self: Any, kind: int, *others: Any) -> None:
        opened(self, kind, *others)
        ours = master if kind == zmq.ROUTER else worker
        self.socket.curve_publickey, self.socket.curve_secretkey = ours.public, ours.secret
        if kind == zmq.ROUTER:
            self.socket.curve_server = True
        else:
            self.socket.curve_serverkey = master.public

    sockets.__init__ = secured
