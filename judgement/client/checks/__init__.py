"""The checks of a client's behavior. Importing this package registers all of them."""

from echosounder.judgement.client.checks import conduct, requests, results, retries, timing

__all__ = ["conduct", "requests", "results", "retries", "timing"]
