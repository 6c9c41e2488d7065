"""The proxies and the trusted certificates that the environment names.

The libraries below read these variables too, each in its own way, and raise errors of their own.
So they are read here, once for both transports, and only for an address that they matter to.
"""

import os
import re
import ssl
from functools import lru_cache
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bxpull_nb.errors import NetworkSettingsError
from bxpull_nb.masking import quoted, reason_of
from bxpull_nb.models.inputs import bare
from bxpull_nb.protocol.endpoint import is_loopback

__all__ = ["Proxy", "proxy_for", "trusted_for"]

_VARIABLES = {
    "https": ("https", "all"),
    "http": ("http", "all"),
    "wss": ("wss", "https", "all"),
    "ws": ("ws", "http", "all"),
}
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_TLS_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
_SOCKS_PACKAGES = ("socksio", "python_socks")
_INSTALL = "pip install 'bxpull-nb[socks]'"
_SYSTEM = "the system's proxy settings"
_LABEL = 64  # characters; a part of a host's name is shorter
_MISSPELT = re.compile(r"(?:https?|socks\w*):?/", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{8}\.\d+")
_LONGEST = 200  # characters of a path
_LIKE = "Write it like http://127.0.0.1:8080 or socks5://127.0.0.1:1080, or unset it."


class Proxy(NamedTuple):
    """The proxy for one address, and where it was named."""

    url: str
    """With its password, if it has one."""
    variable: str
    """The environment's variable, `HTTPS_PROXY` say, or words for the system's settings."""

    @property
    def shown(self) -> str:
        """The proxy's address without its password."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def __repr__(self) -> str:
        return f"Proxy({self.shown!r}, {self.variable!r})"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy to reach the address by; None without one, as for this machine.

    Raises NetworkSettingsError for a variable that cannot be used, and for a SOCKS proxy without
    the extra `socks`. A variable that this address does not need is not looked at.
    """
    if is_loopback(url):
        return None
    parts = urlsplit(url)
    proxies = getproxies()
    port = parts.port or _PORTS[parts.scheme]
    if _is_listed(parts.hostname or "", port, proxies.get("no", "")):
        return None
    name = next((name for name in _VARIABLES[parts.scheme] if bare(proxies.get(name, ""))), None)
    if name is None or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return _proxy(bare(proxies[name]), _variable(name))


def trusted_for(url: str) -> ssl.SSLContext | None:
    """Return the trusted certificates for an address with TLS; None for one without.

    They are the ones that SSL_CERT_FILE or SSL_CERT_DIR name, else those of the package certifi.
    Raises NetworkSettingsError where one of the two, or SSLKEYLOGFILE, cannot be used.
    """
    if urlsplit(url).scheme not in ("https", "wss"):
        return None
    return _trusted(*map(os.environ.get, _TLS_VARIABLES))


@lru_cache(maxsize=4)
def _trusted(file: str | None, folder: str | None, keys: str | None) -> ssl.SSLContext:
    """Return the trusted certificates, cached: reading them blocks the loop for 0.1 s."""
    import httpx

    if folder and not file:
        _check_folders(folder)
    try:
        return httpx.create_ssl_context()
    except (OSError, ValueError) as exc:
        reason = reason_of(exc)
    if file:
        _check_file(Path(file))
    raise NetworkSettingsError(
        f"the keys of connections cannot be written to the file that SSLKEYLOGFILE names, "
        f"{_shown(keys)} ({reason}). Name a file that can be written, or unset SSLKEYLOGFILE.",
        variable="SSLKEYLOGFILE",
    )


def _check_file(file: Path) -> None:
    """Raise NetworkSettingsError if SSL_CERT_FILE is what cannot be read."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except (OSError, ValueError) as exc:
        is_other = isinstance(exc, ssl.SSLError)
        reason = "it holds no certificate" if is_other else reason_of(exc)
        if os.path.isdir(file):  # noqa: PTH112 - False for a name that is too long, too
            reason = "it is a folder"
    else:
        return
    raise NetworkSettingsError(
        f"the certificates that SSL_CERT_FILE names, {_shown(file)}, cannot be read "
        f"({reason}). Name a file of certificates (PEM), or unset SSL_CERT_FILE.",
        variable="SSL_CERT_FILE",
    )


def _check_folders(folders: str) -> None:
    """Raise NetworkSettingsError for folders that OpenSSL would all take for empty."""
    reasons = []
    for one in folders.split(os.pathsep):
        try:
            if any(_HASH.fullmatch(path.name) for path in Path(one).iterdir()):
                return
            reasons.append("it holds no certificate under its hash: run `openssl rehash` on it")
        except (OSError, ValueError) as exc:
            reasons.append(reason_of(exc))
    raise NetworkSettingsError(
        f"the certificates that SSL_CERT_DIR names, {_shown(folders)}, cannot be read "
        f"({reasons[0]}). Name a folder of certificates, or unset SSL_CERT_DIR.",
        variable="SSL_CERT_DIR",
    )


def _shown(path: object) -> str:
    """Return a path for a message: it is no secret, but it may be long and hold anything."""
    text = repr(str(path or ""))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _proxy(url: str, variable: str) -> Proxy:
    """Return the proxy in the one form that both libraries read."""
    scheme, _, rest = url.rpartition("://")
    scheme = scheme.lower() or "http"
    if scheme in ("socks", "socks4", "socks4a"):
        remedy = f"Write socks5://HOST:PORT; that needs the extra: {_INSTALL}"
        raise _unusable(url, variable, "is not SOCKS 5, the only SOCKS that is spoken", remedy)
    if scheme not in _PROXY_PORTS:
        raise _unusable(url, variable, "is not a proxy's address", _LIKE)
    credentials, _, place = rest.rpartition("@")
    is_misspelt = _MISSPELT.match(place)
    host, port = ("", None) if is_misspelt else _place(f"{scheme}://{place}")
    if not host or port == 0 or re.search(r"[/?#\s\x00-\x1f]", credentials):
        raise _unusable(url, variable, "is not a proxy's address", _LIKE)
    if scheme.startswith("socks") and not all(map(find_spec, _SOCKS_PACKAGES)):
        remedy = f"Install it, {_INSTALL}, or name an HTTP proxy there"
        raise _unusable(url, variable, "is a SOCKS proxy, which needs the extra socks", remedy)
    if credentials and ":" not in credentials:
        credentials += ":"
    at = f"{credentials}@" if credentials else ""
    return Proxy(f"{scheme}://{at}{host}:{port or _PROXY_PORTS[scheme]}", variable)


def _place(url: str) -> tuple[str, int | None]:
    """Return host and port; an empty host for an address that has none."""
    try:
        parts = urlsplit(url)
        host, port = _ascii(parts.hostname or ""), parts.port
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", host):
            host = f"[{ip_address(host)}]"
        if not all(0 < len(label) < _LABEL for label in host.removesuffix(".").split(".")):
            return "", None  # the libraries raise UnicodeErrors for it
    except ValueError:
        return "", None
    return host, port


def _unusable(url: str, variable: str, what: str, remedy: str) -> NetworkSettingsError:
    return NetworkSettingsError(
        f"{variable} names a proxy that cannot be used: {quoted(url, is_address=True)} {what}. "
        f"{remedy.rstrip('.')}. Hosts in NO_PROXY are reached without it.",
        variable=variable,
    )


def _variable(name: str) -> str:
    """Return the variable as the user wrote it."""
    spellings = (f"{name}_proxy", f"{name.upper()}_PROXY")
    return next((one for one in spellings if os.environ.get(one)), _SYSTEM)


def _is_listed(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY lists the host; an entry that cannot be read lists nothing."""
    entries = re.split(r"[\s,;]+", bare(no_proxy).lower())
    return any(_matches(entry.rpartition("://")[2], host, port) for entry in entries if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None:
        network = _network_of(entry, port)
        return network is not None and address in network
    name, _, wanted = entry.partition(":")
    name, host = _ascii(name.removeprefix("*").strip(".")), _ascii(host.removesuffix("."))
    is_port = wanted in ("", str(port))
    return bool(name) and is_port and (host == name or host.endswith(f".{name}"))


def _ascii(name: str) -> str:
    try:
        return name.encode("idna").decode()
    except ValueError:
        return name


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _network_of(entry: str, port: int) -> IPv4Network | IPv6Network | None:
    """Return the addresses an entry lists: `10.0.0.0/8`, `fe80::/10`, `[::1]:8080`, `::1`."""
    found = re.fullmatch(r"\[([^\]]*)\](?::(\d+))?|([\d.]+):(\d+)", entry)
    if found is not None:
        if (found[2] or found[4] or str(port)) != str(port):
            return None
        entry = found[1] or found[3]
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None
