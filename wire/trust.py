"""The trust store for all connections: trusted authorities, and our client certificate."""

import os
import ssl
from pathlib import Path

from echosounder.wire.access import DIRECT, Access
from echosounder.wire.errors import UsageError


def context(access: Access = DIRECT) -> ssl.SSLContext:
    """A context that verifies certificates. It uses the system's authorities, or those of ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``; if
    there are none, those of certifi. ``access.ca_file`` adds to them; ``access.client_cert`` is presented on request.

    Raises :class:`UsageError`, which names the option or variable, for files that cannot be read.
    """
    made = ssl.create_default_context()
    found = ssl.get_default_verify_paths()
    for variable in (found.openssl_cafile_env, found.openssl_capath_env):
        named = os.environ.get(variable)
        if named and not Path(named).exists():
            raise UsageError(f"the variable {variable} names {named}, which is not there; correct it, or unset it")
    if found.cafile is None and found.capath is None and not made.get_ca_certs():
        import certifi

        made.load_verify_locations(certifi.where())
    if access.ca_file:
        try:
            made.load_verify_locations(access.ca_file)
        except OSError as error:
            raise UsageError(f"cannot read certificates from --ca-file {access.ca_file}: {_words(error)}") from None
    if access.client_cert:
        _identify(made, access)
    elif access.client_key:
        raise UsageError("--client-key needs --client-cert FILE: the certificate that it belongs to")
    return made


def _identify(made: ssl.SSLContext, access: Access) -> None:
    assert access.client_cert is not None
    try:  # without a password OpenSSL would ask at the terminal
        made.load_cert_chain(access.client_cert, access.client_key, access.password or "")
    except ssl.SSLError as error:
        hint = (
            ""
            if access.password
            else "; if the key is encrypted, its password goes into the variable of --client-key-password-env"
        )
        raise UsageError(f"--client-cert and --client-key do not go together: {_words(error)}{hint}") from None
    except OSError as error:
        raise UsageError(
            f"cannot read --client-cert {access.client_cert} or --client-key {access.client_key}: {_words(error)}"
        ) from None


def _words(error: OSError) -> str:
    return error.strerror or " ".join(str(error).split())
