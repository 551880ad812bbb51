"""A search domain that takes every request on loopback and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class SearchDomain:
    """`heard`: (method and path, body, authorization) of each request."""

    url: str
    heard: list[tuple[str, Any, str]] = field(default_factory=list)


@contextmanager
def search_domain() -> Iterator[SearchDomain]:
    """A domain that lives as long as the context."""

    class Taking(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.heard.append((f"PUT {self.path}", body, self.headers.get("Authorization", "")))
            answer = b'{"status": "CREATED"}'
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    made = SearchDomain(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
