"""A bad client: whatever came before the stream ended, in any way, is the answer."""

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
    "user-agent": "trusts/1",
}
host, _, base = os.environ["ECHO_BASE_URL"].removeprefix("http://").partition("/")
connection = http.client.HTTPConnection(host)
connection.request("POST", f"/{base}/chat/completions", json.dumps(body), head)
text = ""
try:
    for line in connection.getresponse():
        if line.startswith(b"data: {"):
            for choice in json.loads(line.removeprefix(b"data: ")).get("choices") or ():
                text += choice["delta"].get("content") or ""
except http.client.HTTPException:
    pass
print(json.dumps({"text": text}))
