"""The net door: shut unless asked. http and https, public addresses only, bytes and seconds limited."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from opsin.errors import DecodeError, ParamError, refusal
from opsin.io.limits import LOCAL, Limits

__all__ = ["fetch", "is_public"]

_BLOCK = 64 << 10
_MOST_REDIRECTS = 5
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Say whether an address belongs to the public internet, also when IPv6 wraps an IPv4 address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        if address.sixtofour is not None or address.teredo is not None or address.is_site_local:
            return False  # tunnels that nobody needs any more
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _connect(host: str, port: int, timeout: float) -> socket.socket:
    """Look a name up once, refuse if any answer is not public, and connect to an answer that was checked."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DecodeError("unreadable", f"the name {host} cannot be looked up.") from error
    for answer in answers:
        if not is_public(str(answer[4][0])):
            raise DecodeError("unreadable", f"{host} is not an address of the public internet ({answer[4][0]}).")
    problem: OSError | None = None
    for family, kind, protocol, _, target in answers:
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(timeout)
        try:
            connection.connect(target)
            return connection
        except OSError as error:
            connection.close()
            problem = error
    raise DecodeError("unreadable", f"{host} cannot be reached ({problem}).")


class _Http(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = _connect(self.host, self.port, float(self.timeout or 10.0))


class _Https(http.client.HTTPSConnection):
    def connect(self) -> None:
        plain = _connect(self.host, self.port, float(self.timeout or 10.0))
        context: Any = self._context  # type: ignore[attr-defined]  # http.client keeps it there
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


class _HttpHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Http, request)


class _HttpsHandler(urllib.request.HTTPSHandler):
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Https, request)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MOST_REDIRECTS

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(address: str) -> None:
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ParamError(refusal("read", "source", "an http:// or https:// address", address))
    if parts.username is not None or parts.password is not None:
        raise ParamError(refusal("read", "source", "an address without a user name or password", parts.hostname))


def fetch(address: str, *, limits: Limits = LOCAL) -> bytes:
    """Fetch the bytes behind an address.

    Every name is looked up once and checked at the moment of connecting, for redirects too; proxies and local files
    play no part.

    Args:
        address: `http://` or `https://`.
        limits: `bytes` and `seconds` hold for the whole transfer.
    Raises: DecodeError `unreadable`, `too_large` or `timeout`; ParamError for another kind of address.
    """
    _check_scheme(address)
    deadline = time.monotonic() + limits.seconds
    opener = urllib.request.OpenerDirector()
    for handler in (
        _HttpHandler(),
        _HttpsHandler(),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(address, headers={"User-Agent": "opsin", "Accept-Encoding": "identity"})
    try:
        response = opener.open(request, timeout=limits.seconds)
        if response is None:
            raise DecodeError("unreadable", "the address gives no answer.", address)
        with response:
            return _take(response, limits, deadline, address)
    except DecodeError as error:
        raise DecodeError(error.kind, error.message, address) from error
    except TimeoutError as error:
        raise DecodeError("timeout", f"no answer within {limits.seconds:g} seconds.", address) from error
    except urllib.error.HTTPError as error:
        raise DecodeError("unreadable", f"the server answers {error.code} {error.reason}.", address) from error
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise DecodeError("timeout", f"no answer within {limits.seconds:g} seconds.", address) from error
        raise DecodeError("unreadable", f"the transfer failed ({reason}).", address) from error


def _take(response: Any, limits: Limits, deadline: float, address: str) -> bytes:
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limits.bytes:
        raise DecodeError("too_large", f"{int(length):,} bytes is over the limit of {limits.bytes:,}.", address)
    parts: list[bytes] = []
    total = 0
    while True:
        if time.monotonic() > deadline:
            raise DecodeError("timeout", f"the transfer takes longer than {limits.seconds:g} seconds.", address)
        block = response.read1(_BLOCK)
        if not block:
            break
        total += len(block)
        if total > limits.bytes:
            raise DecodeError("too_large", f"more than the limit of {limits.bytes:,} bytes.", address)
        parts.append(block)
    if length.isdecimal() and total < int(length):
        raise DecodeError("truncated", f"the transfer ended after {total:,} of {int(length):,} bytes.", address)
    return b"".join(parts)
