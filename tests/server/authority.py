"""A private certificate authority, as companies have them."""
import os
import subprocess

CONFIG = """
[ca]
default_ca = ours
[ours]
database = {folder}/index
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
commonName = supplied
"""


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


def read(path):
    with open(path) as f:
        return f.read()


class Authority:
    """FOLDER holds its files. TEXT is its own certificate, as PEM."""

    def __init__(self, folder, name="Private CA"):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        for file, text in (("index", ""), ("serial", "01\n"),
                           ("config", CONFIG.format(folder=self.folder))):
            with open(f"{self.folder}/{file}", "w") as f:
                f.write(text)
        openssl("req", "-x509", *self._new_key("ca"), "-days", "3650",
                "-subj", f"/CN={name}", "-out", self.path("ca.crt"))
        self.text = read(self.path("ca.crt"))

    def path(self, name):
        return f"{self.folder}/{name}"

    def _new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", self.path(f"{name}.key")]

    def issue(self, name, alternative="IP:127.0.0.1",
              start="20200101000000Z", end="20991231000000Z"):
        """A certificate with its key in one file; its path."""
        openssl("req", "-new", *self._new_key(name), "-subj", f"/CN={name}",
                "-addext", f"subjectAltName={alternative}",
                "-out", self.path(f"{name}.csr"))
        openssl("ca", "-batch", "-config", self.path("config"),
                "-cert", self.path("ca.crt"), "-keyfile", self.path("ca.key"),
                "-startdate", start, "-enddate", end,
                "-in", self.path(f"{name}.csr"),
                "-out", self.path(f"{name}.crt"))
        with open(self.path(f"{name}.pem"), "w") as f:
            f.write(read(self.path(f"{name}.key"))
                    + read(self.path(f"{name}.crt")))
        return self.path(f"{name}.pem")
