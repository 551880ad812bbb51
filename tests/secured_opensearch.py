"""A real OpenSearch with the security plugin of the managed service: who asks is a role, named by two headers.

Its proxy authentication stands in for IAM, which names roles by ARN in the same way (as backend roles)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opensearchpy import OpenSearch

from infra.local.opensearch import PLUGINS, answers, fetch, start
from shared.adapters.opensearch_access import OneTry
from shared.adapters.opensearch_client import opensearch_client
from shared.adapters.system import SystemClock
from tests.opensearch_server import ROOT, starting

LOCK = Path(__file__).with_name("opensearch-security-2.19.1.lock")
BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # half the CPU time of a start, for a server of few requests
SECURITY = "org.opensearch.security.OpenSearchSecurityPlugin"
FIRST_USER = "arn:aws:iam::123456789012:role/first-user"
REFUSED = "-level perm match for User"  # how the plugin tells its log of a right that somebody lacked
# The plugin wants a certificate for nodes among themselves; here is one node, and HTTP on loopback stays plain.
NODE = """
plugins.security.ssl.transport.pemcert_filepath: node.pem
plugins.security.ssl.transport.pemkey_filepath: node.key
plugins.security.ssl.transport.pemtrustedcas_filepath: node.pem
plugins.security.ssl.http.enabled: false
plugins.security.allow_default_init_securityindex: true
plugins.security.nodes_dn: ["CN=node"]
plugins.security.restapi.roles_enabled: ["all_access"]
"""
WHO_ASKS = """
  dynamic:
    http:
      xff: {enabled: true, internalProxies: '127\\.0\\.0\\.1', remoteIpHeader: x-forwarded-for}
    authc:
      proxy:
        http_enabled: true
        order: 0
        http_authenticator:
          type: proxy
          challenge: false
          config: {user_header: x-proxy-user, roles_header: x-proxy-roles}
        authentication_backend: {type: noop}
"""
# As the managed service maps the role of master_user_arn.
DOCUMENTS = {
    "config": f"config:{WHO_ASKS}",
    "roles_mapping": f'all_access:\n  backend_roles: ["{FIRST_USER}"]\n',
    "roles": "",
    "internal_users": "",
    "action_groups": "",
    "tenants": "",
    "nodes_dn": "",
    "allowlist": "",
    "whitelist": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A running server and its log."""

    url: str
    log: Path

    def as_role(self, role: str) -> OpenSearch:
        """A client as the product makes it, whose requests come from the role."""
        return opensearch_client(self.url, calls=OneTry(), signer=lambda *_: _headers(role))

    def told(self) -> str:
        """The log so far."""
        return self.log.read_text(encoding="utf-8")


def security_jars() -> Path:
    """The plugin and what it brings, fetched once into a folder of its own."""
    return fetch(ROOT / "security", LOCK)


@contextmanager
def secured_server(jars: Path, data: Path) -> Iterator[Secured]:
    """A server that lives as long as the context, in a new folder."""
    _configure(data / "node_1" / "config")
    healthy = partial(answers, headers=_headers(FIRST_USER))
    with starting():
        plugins = f"{PLUGINS},{SECURITY}"
        server = start(ROOT, data, before=jars, plugins=plugins, options=BRIEF, healthy=healthy)
    try:
        yield Secured(url=server.url, log=data / "server.log")
    finally:
        server.stop()
        shutil.rmtree(data, ignore_errors=True)


def _headers(role: str) -> dict[str, str]:
    return {"x-forwarded-for": "127.0.0.1", "x-proxy-user": role, "x-proxy-roles": role}


def _configure(folder: Path) -> None:
    (folder / "opensearch-security").mkdir(parents=True)
    (folder / "opensearch.yml").write_text(NODE, encoding="utf-8")
    for name, body in DOCUMENTS.items():
        kind = name.replace("_", "")
        text = f'_meta: {{type: "{kind}", config_version: 2}}\n{body}'
        (folder / "opensearch-security" / f"{name}.yml").write_text(text, encoding="utf-8")
    _certify(folder)


def _certify(folder: Path) -> None:
    """A certificate for two days that trusts itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node")])
    now, day = SystemClock().now(), timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "node.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "node.key").write_bytes(written)
