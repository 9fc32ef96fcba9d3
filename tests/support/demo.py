"""A demo to try other programs against: `demo.py [--plain | --localhost] PORTERO COMMAND...` starts it, runs the command, and stops it.

It speaks TLS unless it is to be plain, or at http://localhost: browsers have passkeys nowhere else under a certificate of our own. The
command gets ISSUER; CA_FILE, which the certificate is checked with, and the certificate
itself with its key, for what Portero is to call (where OUTBOUND_ALLOW_INTERNAL is set); PORTERO and
PORTERO_DATA_DIR, for the command line. Ends with the command's code, or with 1 where the server has logged an error. Needs
Python 3.9 and openssl.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 120  # seconds, on a machine that does much else


def certificate(directory):
    """One for localhost, of an authority of its own: some libraries take no certificate that has signed itself."""
    ca, ca_key, leaf, key, request, names = (directory / name for name in ("ca", "ca.key", "leaf", "key", "csr", "names"))
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for command in (
        ["req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=Portero's tests"],
        ["req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", leaf, "-days", "2",
         "-extfile", names],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return ca, leaf, key


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def main(portero, command, mode):
    with tempfile.TemporaryDirectory(prefix="portero.") as name:
        directory = pathlib.Path(name)
        directory.chmod(0o711)  # Postgres may run as another user
        data, log, port = directory / "data", directory / "log", free_port()
        own = {name: os.environ[name] for name in ("PATH", "HOME", "PG_BINDIR", "OUTBOUND_ALLOW_INTERNAL", "REQUIRE_MFA") if name in os.environ}
        own |= {
            "PORTERO_DATA_DIR": str(data), "SERVER_PORT": str(port), "PORTERO_LOG": "info,portero::access=off",
            "CLIENT_REGISTRATION": "true", "REGISTRATION": "open",
        }
        told = {"ISSUER": f"http://127.0.0.1:{port}", "PORTERO": portero, "PORTERO_DATA_DIR": str(data)}
        if mode == "--localhost":
            told["ISSUER"] = own["PUBLIC_URL"] = f"http://localhost:{port}"
        elif mode != "--plain":
            ca, leaf, key = certificate(directory)
            told |= {"ISSUER": f"https://localhost:{port}", "CA_FILE": str(ca)}
            told |= {"TLS_CERTIFICATE_FILE": str(leaf), "TLS_KEY_FILE": str(key)}
            own |= {"OUTBOUND_CA_FILE": str(ca)}
            own |= {"PUBLIC_URL": told["ISSUER"], "TLS_CERTIFICATE_FILE": str(leaf), "TLS_KEY_FILE": str(key)}
        with log.open("w") as errors:
            server = subprocess.Popen([portero, "demo"], env=own, cwd=directory, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            ready = next((line for line in server.stdout if "Portero is ready" in line), None)
            if ready is None:
                sys.exit(f"the demo did not start:\n{log.read_text()}")
            code = subprocess.run(command, env=os.environ | told).returncode
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()
        faults = [line for line in log.read_text().splitlines() if '"level":"ERROR"' in line]
        if faults:
            sys.exit("the server logged errors:\n" + "\n".join(faults))
        sys.exit(code)


if __name__ == "__main__":
    mode = sys.argv[1] if sys.argv[1].startswith("--") else None
    program, *words = sys.argv[2 if mode else 1:]
    main(os.path.abspath(program), words, mode)
