"""Why a TLS connection could not be made: what the library found, as the few things that a person can act on.

Sources: openssl/x509_vfy.h (X509_V_ERR_…), openssl/sslerr.h (SSL_R_…).
"""

from __future__ import annotations

import ssl

from pipeline.core.api.responses import Failure

_OF_CERTIFICATE = {
    9: Failure.NOT_VALID_YET,
    10: Failure.EXPIRED,
    62: Failure.ANOTHER_HOST,
    64: Failure.ANOTHER_HOST,  # the same of an address
}
"""`verify_code` → failure; with all others the certificate leads to nobody whom this machine trusts."""
_WITHOUT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
"""What the first bytes of another protocol are taken for."""
_TOO_OLD = (
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "PROTOCOL_VERSION",
    "HANDSHAKE_FAILURE",
    "NO_SHARED_CIPHER",
    "NO_CIPHERS_AVAILABLE",
    "WRONG_CIPHER_RETURNED",
    "INSUFFICIENT_SECURITY",
    "UNSAFE_LEGACY_RENEGOTIATION",
    "WRONG_SIGNATURE_TYPE",
    "KEY_TOO_SMALL",
)
"""Parts of reasons that mean: no protocol version, cipher or key that both sides accept."""


def tls_failure(error: ssl.SSLError) -> Failure:
    """What a failed handshake is to be called in messages; NEVER_CONNECTED where TLS is not the reason."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _OF_CERTIFICATE.get(error.verify_code, Failure.UNTRUSTED)
    reason = error.reason or ""
    if reason in _WITHOUT_TLS:
        return Failure.WITHOUT_TLS
    return Failure.TLS_TOO_OLD if any(part in reason for part in _TOO_OLD) else Failure.NEVER_CONNECTED
