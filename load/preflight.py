"""One free request before the load: is the target there, and does it take our key?"""

import ssl
from dataclasses import replace

import httpx

from load.options import Options
from wire.errors import KeyRefused, Unreachable, UsageError
from wire.strict_json import at


def preflight(options: Options) -> Options:
    """The options with a model in them: the one that was given, else the first that the target lists.

    Any HTTP answer will do for a target to be there, but a refused key. Raises :class:`Unreachable`, :class:`KeyRefused`, and
    :class:`UsageError` where there is no model to ask for.
    """
    answer = _models(options)
    if answer.status_code in {401, 403}:
        hint = "it does not accept our API key" if options.api_key else "it wants an API key"
        raise KeyRefused(f"{options.url}: {hint} ({answer.status_code}); set the variable named by --api-key-env")
    if "html" in answer.headers.get("content-type", ""):
        raise Unreachable(
            f"{options.url} answers with a web page ({answer.status_code}), not an API; give the API's base URL"
        )
    model = options.model or _first(answer)
    if not model:
        raise UsageError(f"{options.url} lists no model (GET /models: {answer.status_code}); name one with --model")
    return replace(options, model=model)


def _models(options: Options) -> httpx.Response:
    headers = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
    try:
        verify = ssl.create_default_context(cafile=str(options.ca_file)) if options.ca_file else True
        with httpx.Client(timeout=options.connect_timeout, verify=verify, trust_env=False) as client:
            return client.get(options.target.address("/models"), headers=headers)
    except (httpx.TransportError, httpx.DecodingError, OSError) as error:
        says = " ".join(str(error).split()) or type(error).__name__
        raise Unreachable(f"no answer from {options.url}: {says}; check the URL, and that the server runs") from None


def _first(answer: httpx.Response) -> str | None:
    try:
        found = at(answer.json(), "data", 0, "id")
    except ValueError:
        return None
    return found if isinstance(found, str) else None
