"""An honest client in forty lines: documents and streams. A failure is one line on stderr, and status 1."""

import json
import os
import re
import sys
import time

import httpx

if os.environ["ECHO_USE"] not in ("chat", "stream"):
    sys.exit(64)
STREAM = os.environ["ECHO_USE"] == "stream"
HEADERS = {"authorization": f"Bearer {os.environ['ECHO_API_KEY']}", "user-agent": "honest/1"}
HTTP = httpx.Client(base_url=os.environ["ECHO_BASE_URL"], headers=HEADERS, timeout=float(os.environ["ECHO_TIMEOUT_S"]))
BODY = {"model": os.environ["ECHO_MODEL"], "messages": [{"role": "user", "content": os.environ["ECHO_PROMPT"]}]}


def opened(attempt=1):
    got, wait = None, 0.3 * attempt
    try:
        got = HTTP.send(HTTP.build_request("POST", "/chat/completions", json={**BODY, "stream": STREAM}), stream=True)
        if got.status_code == 200:
            return got
        problem = f"status {got.status_code}: {got.read().decode()}"
        wait = max(wait, float(got.headers.get("retry-after", 0)) + 0.05)
    except (httpx.NetworkError, httpx.RemoteProtocolError) as error:  # lost before an answer began
        problem = repr(error)
    if attempt == 3 or (got and got.status_code != 429 and got.status_code < 500):
        sys.exit(problem)
    time.sleep(wait)
    return opened(attempt + 1)


def events(held=b"", data=()):
    for read in opened().iter_bytes():
        *lines, held = re.split(rb"\r\n|\n|\r(?!\n|\Z)", held + read)
        for line in lines:
            name, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
            data = (*data, value.removeprefix(b" ")) if name == b"data" else data
            if not line and data:
                yield b"\n".join(data)
                data = ()


def answer(text="", end=None):
    if not STREAM:
        [choice] = json.loads(opened().read())["choices"]
        return choice["message"]["content"], choice["finish_reason"]
    for data in events():
        if end and not data.startswith(b"{"):  # the marker of the end, however it is spelled
            break
        for choice in json.loads(data).get("choices") or ():
            text += (choice.get("delta") or {}).get("content") or ""
            end = choice.get("finish_reason") or end
    return (text, end) if end else sys.exit("the stream ended before the answer did")


try:
    print(json.dumps(dict(zip(("text", "finish"), answer(), strict=True))))
except (ValueError, LookupError, TypeError, httpx.HTTPError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
