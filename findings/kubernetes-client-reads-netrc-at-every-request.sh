#!/usr/bin/env bash
# Kubernetes' asynchronous Python client: each request opens ~/.netrc twice, also one with a bearer token.
#
# Seen with kubernetes 37.0.1 (kubernetes.aio), aiohttp 3.14.5, Python 3.11.7, November 2026.
#
# The client makes its session with trust_env=True, so that proxies of the environment are used. aiohttp takes that as
# leave to look up the host in ~/.netrc, and does so at every request that has no credentials of its own kind, which a
# bearer token in a header is not: it opens and parses the file, or finds that there is none, once in a thread of the
# executor and once, for a proxy, beside. A controller that sends hundreds of small requests a second spent a fifth of
# its processor time on that and on reading the environment's proxies. Nothing of it is cached.
#
# What helps: client_session_kwargs = {"trust_env": False} in the Configuration, and Configuration.proxy set once.
#
# Ends with 1 if the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kubernetes==37.0.1 aiohttp==3.14.5
cat >"$work/requests.py" <<'PY'
import asyncio, sys
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

REQUESTS = 50
looked_up = []
sys.addaudithook(lambda event, args: looked_up.append(args[0]) if event == "open" and str(args[0]).endswith(".netrc") else None)

async def count(port, **session):
    configuration = Configuration(host=f"http://127.0.0.1:{port}", api_key={"BearerToken": "secret"}, api_key_prefix={"BearerToken": "Bearer"})
    configuration.client_session_kwargs = session
    api = ApiClient(configuration)
    before = len(looked_up)
    for _ in range(REQUESTS):
        request = await api.param_serialize("GET", "/version", auth_settings=["BearerToken"])
        response = await api.call_api(*request, _preload_content=False)
        assert (response.status, await response.read()) == (200, b"Bearer secret")
    await api.close()
    return len(looked_up) - before

async def main():
    async def answer(request):
        return web.Response(text=request.headers["Authorization"])
    app = web.Application()
    app.router.add_get("/version", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    usual, without = await count(port), await count(port, trust_env=False)
    await runner.cleanup()
    print(f"{REQUESTS} requests with a token opened ~/.netrc {usual} times, {without} times with trust_env=False")
    sys.exit((usual, without) != (2 * REQUESTS, 0))

asyncio.run(main())
PY
"$work/venv/bin/python" "$work/requests.py"
