"""The files of the gallery: what is written, what is still right from before, and what is of no message any more.

``sheets/`` is kept in the repository, so its pictures are small; ``pictures/`` is not. A picture is called by what the
email looks like: one that has not changed is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from flows.content.preview import LOOKS, WIDTHS
from flows.gallery.chromium import Camera, look_name
from flows.gallery.exhibits import Exhibit, Room

INDEX = "index.html"
SHEETS, PICTURES = "sheets", "pictures"
MOST_KEPT = 6_000_000
"""Bytes of what the repository keeps of the gallery."""


def sheet(exhibit: Exhibit) -> str:
    """The file with all looks of this email, as the page calls it."""
    return f"{SHEETS}/{_stem(exhibit)}.webp"


def picture(exhibit: Exhibit, width: int, light: str) -> str:
    """The file with one look of it."""
    return f"{PICTURES}/{_stem(exhibit)}-{look_name(width, light)}.png"


def emails(rooms: Sequence[Room]) -> list[Exhibit]:
    """What there are pictures of."""
    return [one for room in rooms for one in room.exhibits if one.proof is not None and one.proof.html]


def missing(place: Path, exhibits: Iterable[Exhibit]) -> list[Exhibit]:
    """Those of which a picture is not there."""
    return [one for one in exhibits if not all((place / name).is_file() for name in _files(one))]


def photograph(place: Path, exhibit: Exhibit, camera: Camera) -> None:
    """Write all pictures of this email. A sheet that is there stays: other fonts are no news of the library."""
    assert exhibit.proof is not None
    taken = camera.take(exhibit.proof.html)
    for width in WIDTHS:
        for light in LOOKS:
            _write(place / picture(exhibit, width, light), taken.looks[look_name(width, light)])
    if not (place / sheet(exhibit)).is_file():
        _write(place / sheet(exhibit), taken.sheet)


def sweep(place: Path, exhibits: Iterable[Exhibit]) -> int:
    """Remove pictures of what is in the library no more; how many there were."""
    wanted = {place / name for one in exhibits for name in _files(one)}
    stale = [file for folder in (SHEETS, PICTURES) for file in (place / folder).glob("*.*") if file not in wanted]
    for file in stale:
        file.unlink()
    return len(stale)


def kept(place: Path) -> int:
    """Bytes of what the repository keeps."""
    return sum(file.stat().st_size for file in (place / INDEX, *(place / SHEETS).glob("*.webp")) if file.is_file())


def _files(exhibit: Exhibit) -> list[str]:
    return [sheet(exhibit), *(picture(exhibit, width, light) for width in WIDTHS for light in LOOKS)]


def _stem(exhibit: Exhibit) -> str:
    return f"{exhibit.flow}--{exhibit.name}-{exhibit.digest}"


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
