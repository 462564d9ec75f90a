"""Third-party proxies, started on free ports and stopped by their own process."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LITELLM = ROOT / ".field/litellm/bin/litellm"
MITMDUMP = ROOT / ".field/mitmproxy/bin/mitmdump"
NODE = ROOT / ".field/http-proxy"
PROXY_KEY = "sk-proxy-0123456789"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# How a location of nginx passes requests on.
NGINX = {
    "faithful": 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;'
    " proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 600s; proxy_next_upstream off;",
    # What people copy for a web site: HTTP/1.0 upstream, which is the default, buffering, compression of everything.
    "buffering": "proxy_buffering on; gzip on; gzip_proxied any; gzip_min_length 0;"
    " gzip_types text/event-stream application/json;",
    # Gateways have Messages at the path of Anthropic's own API.
    "messages": 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s;'
    " rewrite ^/anthropic/v1/messages$ /v1/messages break; rewrite ^/responses$ /v1/responses break;"
    " rewrite ^/models$ /v1/models break;",
    "hasty": 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 1s;',
}
# Without abortonclose HAProxy waits for the answer that nobody wants any more.
HAPROXY = {"faithful": "option abortonclose", "plain": "", "hasty": "option abortonclose\n  timeout server 1s"}


def present(name: str) -> str | None:
    """The path of a program that the system's package manager installed; Debian keeps daemons off a user's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def running(command: list[str], folder: Path, ready: str, seconds: float, **environment: str):
    """A program with its output in *folder*, once *ready* (a URL) answers."""
    log = folder / f"{Path(command[0]).name}.out"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env=os.environ | environment) as process,
    ):
        try:
            wait_for(ready, process, seconds)
            yield
        finally:
            stop(process)


def filled(template: str, into: Path, **values: str) -> Path:
    text = (HERE / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    made = into / template
    made.write_text(text, encoding="utf-8")
    return made


@contextmanager
def nginx(upstream: str, folder: Path, how: str = "faithful", **headers: str):
    """An nginx that forwards to *upstream*, with *headers* added; yields its base URL."""
    port, host = free_port(), upstream.removeprefix("http://")
    added = "".join(f" proxy_set_header {name.replace('_', '-')} {value};" for name, value in headers.items())
    config = filled("nginx.conf", folder, port=str(port), upstream=host, how=NGINX[how] + added)
    command = [str(present("nginx")), "-e", "nginx.log", "-p", str(folder), "-c", str(config)]
    with running(command, folder, f"http://127.0.0.1:{port}/models", 10):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def haproxy(upstream: str, folder: Path, how: str = "faithful"):
    """An HAProxy that forwards to *upstream*; yields its base URL."""
    port, host = free_port(), upstream.removeprefix("http://")
    config = filled("haproxy.cfg", folder, port=str(port), upstream=host, how=HAPROXY[how])
    with running([str(present("haproxy")), "-db", "-f", str(config)], folder, f"http://127.0.0.1:{port}/models", 10):
        yield f"http://127.0.0.1:{port}"


def packaged(program: str, *paths: str) -> Path:
    """A folder of the package that brings *program*, below its root: /usr, or wherever the package was unpacked."""
    return Path(str(present(program))).resolve().parents[1].joinpath(*paths)


def configured(template: str, upstream: str, folder: Path, **more: str) -> tuple[Path, str]:
    """A configuration file in *folder*, and the base URL that it serves."""
    host, port = upstream.removeprefix("http://"), str(free_port())
    values = {"upstream": host, "upstream_port": host.rpartition(":")[2], "port": port, "folder": str(folder)}
    return filled(template, folder, **values, **more), f"http://127.0.0.1:{port}"


@contextmanager
def apache2(upstream: str, folder: Path):
    """An Apache httpd that forwards to *upstream*; yields its base URL."""
    modules = str(packaged("apache2", "lib", "apache2", "modules"))
    config, url = configured("apache.conf", upstream, folder, modules=modules)
    with running([str(present("apache2")), "-D", "FOREGROUND", "-f", str(config)], folder, f"{url}/models", 10):
        yield url


@contextmanager
def caddy(upstream: str, folder: Path):
    """A Caddy that forwards to *upstream*; yields its base URL."""
    config, url = configured("Caddyfile", upstream, folder)
    command = [str(present("caddy")), "run", "--adapter", "caddyfile", "--config", str(config)]
    own = {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with running(command, folder, f"{url}/models", 10, **own):
        yield url


@contextmanager
def lighttpd(upstream: str, folder: Path):
    """A lighttpd that forwards to *upstream*; yields its base URL."""
    config, url = configured("lighttpd.conf", upstream, folder)
    modules = packaged("lighttpd", "lib", "lighttpd")
    with running([str(present("lighttpd")), "-D", "-f", str(config), "-m", str(modules)], folder, f"{url}/ready", 10):
        yield url


@contextmanager
def varnish(upstream: str, folder: Path):
    """A Varnish that caches nothing and forwards to *upstream*; yields its base URL."""
    config, url = configured("varnish.vcl", upstream, folder)
    command = [str(present("varnishd")), "-j", "none", "-F", "-a", url.removeprefix("http://"), "-f", str(config)]
    command += ["-n", str(folder / "varnish"), "-s", "malloc,16m", "-T", "none"]
    with running(command, folder, f"{url}/models", 30):
        yield url


@contextmanager
def mitmproxy(upstream: str, folder: Path):
    """A mitmproxy that passes streams on as they come; yields its base URL."""
    port = free_port()
    command = [str(MITMDUMP), "--quiet", "--mode", f"reverse:{upstream}", "--set", "stream_large_bodies=1"]
    command += ["--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={folder}"]
    with running(command, folder, f"http://127.0.0.1:{port}/models", 30):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def node(upstream: str, folder: Path, script: str):
    """A proxy of Node's, as a *script* of its manual; yields its base URL."""
    port = free_port()
    command = [str(shutil.which("node")), str(HERE / "http-proxy" / script), str(NODE), str(port), upstream]
    with running(command, folder, f"http://127.0.0.1:{port}/models", 10):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def litellm(upstream: str, folder: Path, template: str = "litellm.yaml"):
    """A LiteLLM proxy that forwards to *upstream*; yields its base URL."""
    assert LITELLM.exists(), "LiteLLM is not set up: run `make .field/litellm/ready`"
    config, port = filled(template, folder, upstream=upstream), free_port()
    command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_PROXY": "*"}
    with running(command, folder, f"http://127.0.0.1:{port}/health/liveliness", 90, **quiet):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def translating(gateway: str, upstream: str, folder: Path):
    """A gateway whose upstream is asked in chat, with nginx in front, which knows where it has each format; yields its base URL."""
    started = {
        "litellm": lambda: litellm(upstream, folder, "litellm-deepseek.yaml"),
        "litellm-openai": lambda: litellm(upstream, folder, "litellm-openai.yaml"),
        "portkey": lambda: portkey(upstream, folder),
    }
    with started[gateway]() as url, nginx(url.removesuffix("/v1"), ready(folder / "front"), "messages") as front:
        yield front


def ready(folder: Path) -> Path:
    folder.mkdir()
    return folder


PORTKEY = ROOT / ".field/npm/node_modules/@portkey-ai/gateway/build/start-server.js"


@contextmanager
def portkey(upstream: str, folder: Path):
    """A Portkey gateway. It is told in headers of each request where to forward to; the faithful nginx in front of it says so."""
    assert PORTKEY.exists(), "the Portkey gateway is not set up: run `make .field/npm/ready`"
    port = free_port()
    command = [str(shutil.which("node")), str(PORTKEY), f"--port={port}", "--headless"]
    trusted = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost", "NODE_ENV": "production"}
    with (
        running(command, folder, f"http://127.0.0.1:{port}/", 30, **trusted),
        nginx(
            f"http://127.0.0.1:{port}", folder, x_portkey_provider="openai", x_portkey_custom_host=f"{upstream}/v1"
        ) as front,
    ):
        yield f"{front}/v1"


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Asks first: a proxy that waits for its upstream may not hear."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def wait_for(url: str, process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Returns once *url* answers; fails with the process's own words when it died or took too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the proxy ended with code {process.returncode}; see its log"
        try:
            httpx.get(url, timeout=2)
            return
        except (
            httpx.ReadError,
            httpx.RemoteProtocolError,
        ):  # it listens, and hangs up where its upstream is not there yet
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer within {seconds} s")
