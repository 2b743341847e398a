"""A small threaded HTTP/1.1 server for the sandboxes: keep-alive, no delayed replies, and honest hang-ups.

Werkzeug's development server closes after every reply and waits 10 ms for stray input; a sandbox that stands in
for a fast product in benchmarks needs connections that stay open and about 0.1 ms a request of its own.
"""

from __future__ import annotations

import contextlib
import io
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LARGEST_BODY = 32 * 1024 * 1024
LARGEST_LINE = 16 * 1024
MOST_HEADERS = 100
IDLE_TIMEOUT_S = 60


class HangUpError(Exception):
    """Close this connection without a reply."""


class _BadRequestError(Exception):
    """What arrived is not HTTP that this server takes; the text is the status line."""


class _Handler(socketserver.StreamRequestHandler):
    """Answers many requests on one connection; the body is always read to its end before the app runs."""

    disable_nagle_algorithm = True
    wbufsize = 65536
    timeout = IDLE_TIMEOUT_S
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while self._handle_one():
                pass

    def _handle_one(self) -> bool:
        """Answer one request. Returns whether the connection stays open."""
        line = self.rfile.readline(LARGEST_LINE)
        if line in (b"", b"\r\n", b"\n"):
            return line != b""
        try:
            environ, stays_open = self._read_request(line)
            status, headers, payload = call_app(self.server.app, environ)
        except _BadRequestError as problem:
            self._reply("GET", str(problem), [("Connection", "close")], b"")
            return False
        except HangUpError:
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        if not stays_open:
            headers = [*headers, ("Connection", "close")]
        self._reply(environ["REQUEST_METHOD"], status, headers, payload)
        return stays_open

    def _read_request(self, line: bytes) -> tuple[dict[str, Any], bool]:
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _BadRequestError("400 Bad Request")
        method, target, version = words
        headers = self._read_headers()
        if headers.get("HTTP_EXPECT", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        body = self._read_body(headers)
        path, _, query = target.partition("?")
        headers["CONTENT_LENGTH"] = str(len(body))
        connection = headers.get("HTTP_CONNECTION", "").lower()
        stays_open = connection != "close" and (version == "HTTP/1.1" or connection == "keep-alive")
        environ = {
            **self.server.base_environ,
            **headers,
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1") if "%" in path else path,
            "QUERY_STRING": query,
            "REQUEST_URI": target,
            "SERVER_PROTOCOL": version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.input": io.BytesIO(body),
        }
        return environ, stays_open

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MOST_HEADERS):
            line = self.rfile.readline(LARGEST_LINE)
            if line in (b"\r\n", b"\n", b""):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                break
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = f"HTTP_{key}"
            headers[key] = f"{headers[key]},{value.strip()}" if key in headers else value.strip()
        raise _BadRequestError("431 Request Header Fields Too Large")

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.pop("HTTP_TRANSFER_ENCODING", "").lower():
            return self._read_chunks()
        length = headers.get("CONTENT_LENGTH", "0")
        if not length.isdigit():
            raise _BadRequestError("400 Bad Request")
        if int(length) > LARGEST_BODY:
            raise _BadRequestError("413 Content Too Large")
        return self.rfile.read(int(length)) if length != "0" else b""

    def _read_chunks(self) -> bytes:
        chunks: list[bytes] = []
        left = LARGEST_BODY
        while True:
            try:
                size = int(self.rfile.readline(LARGEST_LINE).split(b";")[0], 16)
            except ValueError:
                raise _BadRequestError("400 Bad Request") from None
            if size < 0:
                raise _BadRequestError("400 Bad Request")
            left -= size
            if left < 0:
                raise _BadRequestError("413 Content Too Large")
            if size == 0:
                while self.rfile.readline(LARGEST_LINE) not in (b"\r\n", b"\n", b""):
                    pass
                return b"".join(chunks)
            chunks.append(self.rfile.read(size))
            self.rfile.readline(LARGEST_LINE)

    def _reply(self, method: str, status: str, headers: list[tuple[str, str]], payload: bytes) -> None:
        lines = [f"HTTP/1.1 {status}", "Server: sandbox", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{key}: {value}" for key, value in headers]
        if not any(key.lower() == "content-length" for key, _ in headers):
            lines.append(f"Content-Length: {len(payload)}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if method != "HEAD":
            self.wfile.write(payload)
        self.wfile.flush()


def call_app(app: WSGIApplication, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Run one WSGI call to its end. Returns status line, headers, whole body."""
    answer: dict[str, Any] = {}

    def start_response(
        status: str, headers: list[tuple[str, str]], _exc_info: Any = None
    ) -> Callable[..., Any]:
        answer["status"], answer["headers"] = status, headers
        return lambda _data: None

    chunks: Iterable[bytes] = app(environ, start_response)
    try:
        payload = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return answer["status"], answer["headers"], payload


class _Server(socketserver.ThreadingTCPServer):
    """Remembers open connections, so that a closed server really is gone for clients that keep theirs open."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self.app = app
        super().__init__((host, port), _Handler)
        self.port: int = self.server_address[1]
        self.base_environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": host,
            "SERVER_PORT": str(self.port),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        with self._open_lock:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class SandboxServer:
    """One running server; use as a context manager or call `close()`."""

    def __init__(
        self,
        app: WSGIApplication,
        host: str = "127.0.0.1",
        port: int = 0,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._server = _Server(host, port, app)
        self._on_close = on_close
        self.host = host
        self.port = self._server.port
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name=f"sandbox-{self.port}"
        )
        self._thread.daemon = True
        self._thread.start()
        self._closed = False

    def __enter__(self) -> SandboxServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening and drop every open connection. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._server.shutdown()
        self._server.server_close()
        self._server.drop_connections()
        self._thread.join(timeout=5)
        if self._on_close is not None:
            self._on_close()
