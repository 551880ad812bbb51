"""A real HTTPS server on loopback that misbehaves as its path says, with a certificate authority of its own."""

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "receiver.example"


@dataclass
class HttpsReceiver:
    """`seen` holds (SNI name, Host header, path, body) of each request; `context` trusts its authority."""

    port: int
    context: ssl.SSLContext
    seen: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


def write_certificate(path: Path) -> None:
    """A self-signed certificate for HOST with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(made.public_bytes(encoding) + key.private_bytes(encoding, form, serialization.NoEncryption()))


@contextmanager
def https_receiver(folder: Path) -> Iterator[HttpsReceiver]:
    """Serve until the block ends."""
    pem = folder / "receiver.pem"
    write_certificate(pem)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    receiver = HttpsReceiver(server.server_address[1], ssl.create_default_context(cafile=str(pem)))
    theirs.sni_callback = lambda sock, name, context: receiver.names.append(str(name))
    server.socket = theirs.wrap_socket(server.socket, server_side=True)
    server.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.done.set()
        server.shutdown()
        thread.join(10)
        socket.socket.close(server.socket)


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self) -> None:
        """/NNN answers with that status; /slow, /drip, /endless and /reset misbehave."""
        receiver: HttpsReceiver = self.server.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        receiver.seen.append((receiver.names[-1], self.headers["Host"], self.path, body))
        fault = self.path.strip("/")
        if fault == "slow":
            receiver.done.wait(30)
        elif fault == "drip":
            self._drip(receiver, b"HTTP/1.1 200 OK\r\nX: ", b"x")
        elif fault == "endless":
            self._drip(receiver, b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"y" * 65536)
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.socket.close(self.connection)
        else:
            self.send_response(int(fault))
            self.send_header("Location", f"https://{HOST}/200")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _drip(self, receiver: HttpsReceiver, head: bytes, piece: bytes) -> None:
        try:
            self.wfile.write(head)
            while not receiver.done.wait(0.05):
                self.wfile.write(piece)
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
