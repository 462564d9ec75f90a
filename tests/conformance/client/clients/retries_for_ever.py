"""A bad client: asks until it is answered, without a pause, and tells its key when it is stopped."""

import json
import os
import sys
import urllib.error
import urllib.request

if os.environ["ECHO_USE"] != "chat":
    sys.exit(64)
body = {"model": os.environ["ECHO_MODEL"], "messages": [{"role": "user", "content": os.environ["ECHO_PROMPT"]}]}
headers = {"authorization": f"Bearer {os.environ['ECHO_API_KEY']}", "content-type": "application/json"}
request = urllib.request.Request(os.environ["ECHO_BASE_URL"] + "/chat/completions", json.dumps(body).encode(), headers)
print("DEBUG", headers)
while True:
    try:
        with urllib.request.urlopen(request) as answer:
            print(json.load(answer)["choices"][0]["message"]["content"])
        break
    except (urllib.error.HTTPError, OSError):
        continue
