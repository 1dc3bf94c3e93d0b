"""A throw-away certificate authority, and servers' contexts with certificates that it signed, well or badly."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Authority:
    """Its own certificate is `path`; each server's stands in a file of its own beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._serial = 1
        self.path = folder / "authority.pem"
        self.path.write_bytes(_pem(self._signed("authority", self._key, days=(-9, 9))))

    def context(
        self, host: str = "localhost", *, days: tuple[int, int] = (-1, 1), self_signed: bool = False
    ) -> ssl.SSLContext:
        """A server's, whose certificate is for `host` and valid from and until so many days from now."""
        path = self.key_pair(host, self._folder, days=days, self_signed=self_signed)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def key_pair(
        self, host: str, folder: Path, *, days: tuple[int, int] = (-1, 1), self_signed: bool = False
    ) -> Path:
        """A private key and its certificate, in one file below `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._signed(host, key, days=days, signer=key if self_signed else self._key)
        self._serial += 1
        path = folder / f"{self._serial}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + _pem(signed))
        return path

    def _signed(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: tuple[int, int],
        signer: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        signer, is_authority, now = signer or self._key, key is self._key, datetime.now(UTC)
        issuer = "authority" if signer is self._key else name
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(key.public_key())
            .serial_number(self._serial)
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .add_extension(_usage(signs_certificates=is_authority), critical=True)
        )
        if is_authority:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name)]), critical=False)
        return builder.sign(signer, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
