"""A bad client: takes every read for whole events in whole characters, and drops what it cannot read."""

import http.client
import json
import os
import sys

if os.environ["ECHO_USE"] != "stream":
    sys.exit(64)
body = {
    "model": os.environ["ECHO_MODEL"],
    "messages": [{"role": "user", "content": os.environ["ECHO_PROMPT"]}],
    "stream": True,
}
head = {
    "authorization": f"Bearer {os.environ['ECHO_API_KEY']}",
    "content-type": "application/json",
    "user-agent": "splits/1",
}
host, _, base = os.environ["ECHO_BASE_URL"].removeprefix("http://").partition("/")
connection = http.client.HTTPConnection(host)
connection.request("POST", f"/{base}/chat/completions", json.dumps(body), head)
answer = connection.getresponse()
if answer.status != 200:
    sys.exit(f"status {answer.status}")
text, end = "", None
while read := answer.read1():
    for line in read.decode("utf-8", "ignore").splitlines():
        try:
            choices = json.loads(line.removeprefix("data: "))["choices"]
        except (ValueError, TypeError, KeyError):
            continue
        for choice in choices:
            text += choice["delta"].get("content") or ""
            end = choice["finish_reason"] or end
print(json.dumps({"text": text, "finish": end}))
