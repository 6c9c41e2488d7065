"""The sandbox's own certificate, for https and wss on 127.0.0.1."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bxpull_nb.errors import SettingsError

__all__ = ["Certificate"]

_NAMES = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Certificate:
    """Files of one certificate, in a private folder that `remove` deletes."""

    folder: "TemporaryDirectory[str]"

    @classmethod
    def new(cls) -> "Certificate":
        """Create a certificate signed by a new authority, which clients must be made to trust.

        Raises SettingsError when `trustme`, which creates it, is not installed.
        """
        try:
            import trustme
        except ImportError as exc:
            raise SettingsError(
                "tls=True needs the package trustme, which makes the certificate: "
                "pip install 'bxpull-nb[tls]'"
            ) from exc
        authority = trustme.CA()
        issued = authority.issue_cert(*_NAMES)
        certificate = cls(TemporaryDirectory(prefix="bxpull-tls-"))
        authority.cert_pem.write_to_path(str(certificate.ca_path))
        issued.private_key_and_cert_chain_pem.write_to_path(str(certificate.chain_path))
        return certificate

    @property
    def ca_path(self) -> Path:
        """The authority's certificate, for clients to trust (PEM)."""
        return Path(self.folder.name) / "ca.pem"

    @property
    def chain_path(self) -> Path:
        """The server's key and certificate (PEM). A secret, of the sandbox only."""
        return Path(self.folder.name) / "server.pem"

    def remove(self) -> None:
        """Delete the files."""
        self.folder.cleanup()
