"""Where notifications may go: hosts of a list, over TLS, at public addresses; the address that was looked at is the one
that is connected to, and no redirect is followed."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from careledger.errors import InvalidInput

__all__ = ["Target", "Undelivered", "address_of", "post", "target_of"]

TIMEOUT_SECONDS = 10
PORTS = {"https": 443, "http": 80}
LONGEST_URL = 2_048


class Undelivered(Exception):
    """It was not taken; said without the address."""


@dataclass(frozen=True)
class Target:
    """A host that may be called, and the path there, which may be secret."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)


def target_of(url: str, hosts: Collection[str], is_local: bool) -> Target:
    """What a URL leads to. `hosts` are those allowed, as `host` or `host:port`; `is_local` allows http.

    Raises InvalidInput.
    """
    problem = None
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise InvalidInput("endpoint", "of the channel", "is no URL") from None
    if parts.scheme != "https" and not (is_local and parts.scheme == "http"):
        problem = "must be https"
    elif not host or parts.username is not None or parts.password is not None or parts.fragment:
        problem = "must be a host and a path, without a user and a fragment"
    elif len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        problem = f"must be at most {LONGEST_URL} printable characters of ASCII"
    elif not {f"{host}:{port}", host if port == PORTS[parts.scheme] else ""} & {one.lower() for one in hosts}:
        problem = "is at no host that this gateway's setting SUBSCRIPTION_HOSTS allows"
    if problem is not None:
        raise InvalidInput("endpoint", "of the channel", problem)
    return Target(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def address_of(target: Target, is_local: bool) -> str:
    """The address to connect to. Raises Undelivered if there is none, or one of the host's is not public: only a local
    chain's gateway calls such."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Undelivered("the host's name leads nowhere") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not (is_local or all(map(_is_public, addresses))):
        raise Undelivered("the host's address is not a public one")
    return addresses[0]


def post(
    target: Target, address: str, headers: Mapping[str, str], body: bytes, context: ssl.SSLContext | None = None
) -> None:
    """Sends a notification to an address of the target. Raises Undelivered for any answer but 2xx, and for none."""
    tls = (context or ssl.create_default_context()) if target.scheme == "https" else None
    connection = _Pinned(target, address, tls)
    try:
        connection.request("POST", target.path, body, dict(headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Undelivered(f"no answer ({type(error).__name__})") from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        raise Undelivered(f"answered {status}")


class _Pinned(http.client.HTTPConnection):
    """To an address that was looked at, under the host's name."""

    def __init__(self, target: Target, address: str, context: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port, timeout=TIMEOUT_SECONDS)
        self.default_port = PORTS[target.scheme]
        self._address = address
        self._context = context

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif found in NAT64 or found.sixtofour is not None or found.teredo is not None:
            return False
    return found.is_global and not found.is_multicast


NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Addresses here stand for IPv4 ones behind a translator."""
