"""A Starlette application that limits requests with the library `limits`, and forwards what it admits.

python limits_app.py PORT UPSTREAM STRATEGY LIMIT, such as `moving-window "20 per 4 second"`
"""

import sys

import httpx
import uvicorn
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import STRATEGIES
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PORT, UPSTREAM, STRATEGY, LIMIT = sys.argv[1:]
limiter, limit = STRATEGIES[STRATEGY](MemoryStorage()), parse(LIMIT)
client = httpx.AsyncClient(base_url=UPSTREAM, limits=httpx.Limits(max_connections=300), timeout=60, trust_env=False)
REFUSED = {"error": {"message": "Too many requests", "type": "rate_limit_error", "param": None, "code": "rate_limit"}}


async def forward(request: Request) -> Response:
    if request.method == "POST" and not limiter.hit(limit, "all"):
        return JSONResponse(REFUSED, 429)
    headers = {name: request.headers[name] for name in ("authorization", "content-type") if name in request.headers}
    answer = await client.request(request.method, request.url.path, headers=headers, content=await request.body())
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


uvicorn.run(
    Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])]), port=int(PORT), log_level="warning"
)
