"""What our pages load of others: which files, fetched once into the user's cache and checked. Nothing of them is in the repository.

They come from the package repository that Kafka's jars come from, each pinned by the package's SHA-256. An image gets them when it is
built: `python -m deploy.embedded.assets FOLDER`.
"""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.jars import Jar, cache_folder, fetch_one, fetched_once
from deploy.embedded.processes import Say, silent

HTMX = Jar("5f3932dad950015b9b9b19777530767661a8f1c5b2b2b1e1aea4ba9b7958fcc4", "org.webjars.npm", "htmx.org", "2.0.8")
"""BSD Zero Clause: it may be served by anybody."""
IDB = Jar("23cd078dd4dce6ca6c40095fc8c55af23cfee34a0171d28e9758ac2aee877d0f", "org.webjars.npm", "idb", "7.0.1")
"""ISC: what a trainer's page keeps while there is no network."""
QRCODE = Jar(
    "c3d4b72ad43f8da409a334fa679667902325f23d9bbe2fa9e751eb39fc893e0b", "org.webjars.npm", "html5-qrcode", "2.2.1"
)
"""Apache 2.0: reads the codes of tickets where the browser cannot by itself."""
FILES = {
    HTMX: ("META-INF/resources/webjars/htmx.org/2.0.8/dist/htmx.min.js",),
    IDB: ("META-INF/resources/webjars/idb/7.0.1/build/umd.js",),
    QRCODE: ("META-INF/resources/webjars/html5-qrcode/2.2.1/html5-qrcode.min.js",),
}


def fetch(say: Say = silent) -> Path:
    """The folder that holds them; fetched on first use. EmbeddedError: it cannot be had, and pages work without."""
    pins = "-".join(jar.sha256[:8] for jar in FILES)
    return fetched_once(cache_folder() / f"assets-{pins}", "What pages load", _fetch_all, say)


def _fetch_all(folder: Path, say: Say) -> None:
    """Into a folder beside the final one, renamed when whole."""
    partial = folder.with_name(f"{folder.name}.partial")
    jars, whole = partial / "jars", partial / "whole"
    for one in (jars, whole):
        one.mkdir(parents=True, exist_ok=True)
    for jar, files in FILES.items():
        fetch_one(jar, partial, jars)
        with zipfile.ZipFile(jars / jar.file_name) as archive:
            for file in files:
                (whole / Path(file).name).write_bytes(archive.read(file))
        say(f"Fetched {jar.artifact} {jar.version} for the pages")
    whole.rename(folder)
    shutil.rmtree(partial)


def main(folder: Path) -> int:
    """Copies them there. Where they cannot be had the folder stays empty, and that is said: no page needs them."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(fetch(print), folder, dirs_exist_ok=True)
    except EmbeddedError as error:
        print(f"{error} Pages work without.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
