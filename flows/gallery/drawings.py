"""Pictures of the example's products, which nobody has ever photographed: the gallery asks no network for them."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

_GROUNDS = ("#e7ded0", "#dde3dc", "#e6dfe0", "#dbe0e6", "#ece4d2")
_SHAPES: Mapping[str, str] = {
    "apron": '<path d="M150 90h100l20 80 30 20v150H100V190l30-20z" fill="#5d7263"/>'
    '<path d="M150 90q50 60 100 0" fill="none" stroke="#3f5146" stroke-width="8"/>'
    '<rect x="150" y="230" width="100" height="60" rx="6" fill="#4d6154"/>',
    "mug": '<path d="M120 130h140v130a40 40 0 0 1-40 40h-60a40 40 0 0 1-40-40z" fill="#8c9aa3"/>'
    '<path d="M260 160h20a35 35 0 0 1 0 90h-20" fill="none" stroke="#8c9aa3" stroke-width="18"/>'
    '<ellipse cx="190" cy="130" rx="70" ry="14" fill="#5f4b3c"/>',
    "serving-board": '<rect x="110" y="60" width="180" height="230" rx="30" fill="#b98b58"/>'
    '<rect x="175" y="280" width="50" height="80" rx="20" fill="#b98b58"/>'
    '<path d="M140 80v190M180 70v210M225 70v210M262 80v190" stroke="#a27645" stroke-width="4"/>',
    "wool-throw": '<rect x="80" y="110" width="240" height="170" rx="12" fill="#c9ad8f"/>'
    '<path d="M80 150h240M80 195h240M80 240h240" stroke="#a9876a" stroke-width="12"/>'
    '<path d="M90 280v30M120 280v30M150 280v30M180 280v30M210 280v30M240 280v30M270 280v30M300 280v30" '
    'stroke="#c9ad8f" stroke-width="6"/>',
    "candles": '<rect x="110" y="170" width="50" height="150" rx="6" fill="#d9b25f"/>'
    '<rect x="180" y="120" width="50" height="200" rx="6" fill="#e3c27a"/>'
    '<rect x="250" y="200" width="50" height="120" rx="6" fill="#d9b25f"/>'
    '<path d="M135 170v-22M205 120V98M275 200v-22" stroke="#4a3b24" stroke-width="5"/>',
    "kettle": '<path d="M120 180q80-70 160 0l20 130H100z" fill="#3f5f73"/>'
    '<path d="M130 170q70-120 140 0" fill="none" stroke="#2b2b28" stroke-width="14"/>'
    '<path d="M290 220l50-40" stroke="#3f5f73" stroke-width="20"/>',
}
_ANYTHING = '<path d="M200 320V150M200 210q-70-10-70-80 70 0 70 80zm0 40q70-10 70-80-70 0-70 80z" fill="#6f8a72" '
_ANYTHING += 'stroke="#4f6a52" stroke-width="8"/>'


def drawing(name: str) -> str:
    """An SVG of 400 x 400 for a picture of this name, such as ``mug.jpg``: the same every time."""
    stem = name.rsplit("/", 1)[-1].split("?")[0].rsplit(".", 1)[0]
    ground = _GROUNDS[crc32(stem.encode()) % len(_GROUNDS)]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400" viewBox="0 0 400 400">'
        f'<rect width="400" height="400" fill="{ground}"/>{_SHAPES.get(stem, _ANYTHING)}</svg>'
    )
