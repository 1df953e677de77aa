"""A flow's files in one archive, as they travel between machines: a zip of its folder.

Nothing is unpacked onto a disk. An archive is made by anybody: what it says of itself (sizes, names) is not believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo
from zlib import error as Damaged

from connector.errors import InvalidInput
from flows.definition_files import FLOW_FILE, MESSAGE_SUFFIX, MESSAGES

LARGEST = 150_000
"""Bytes of one file, as UTF-8."""
LARGEST_IN_ALL = 1_000_000
MOST = 100
"""Files of a flow."""
_MOST_ENTRIES = 500
_MESSAGE = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
# What computers put beside the files of people.
_LITTER = re.compile(r"(^|/)(__MACOSX(/|$)|\.[^/]*$|Thumbs\.db$|desktop\.ini$)")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """``files``: {"flow.yaml": text, "messages/NAME.liquid": text}; ``left_out``: what else was there, by path."""

    files: Mapping[str, str]
    left_out: tuple[str, ...] = ()


def message_file(name: str) -> str:
    """The path of a message beside its flow. Raises InvalidInput for what cannot be its name."""
    if not _MESSAGE.fullmatch(name) or ".." in name:
        raise InvalidInput(
            f"“{name[:100]}” cannot be the name of a message: use lower case letters, digits and dashes, such as"
            " reminder, and for a variant of it reminder.de."
        )
    return f"{MESSAGES}/{name}{MESSAGE_SUFFIX}"


def message_of(path: str) -> str | None:
    """The message that the file at this path is; None for any other file."""
    folder, _, name = path.rpartition("/")
    return name.removesuffix(MESSAGE_SUFFIX) if folder == MESSAGES and name.endswith(MESSAGE_SUFFIX) else None


def messages_in(files: Mapping[str, str]) -> dict[str, str]:
    """{message: its text} of these files."""
    return {name: text for path, text in files.items() if (name := message_of(path)) is not None}


def checked(files: Mapping[str, str]) -> dict[str, str]:
    """The files of a flow in their order: the flow, then its messages by name; line ends as on this machine.

    Raises InvalidInput for paths that are none of a flow's, and for more than a flow may be.
    """
    found: dict[str, str] = {}
    for path, text in sorted(files.items(), key=lambda one: (one[0] != FLOW_FILE, one[0])):
        if path != FLOW_FILE:
            message = message_of(path)
            if message is None or message_file(message) != path:
                raise InvalidInput(
                    f"“{path[:100]}” is no file of a flow: it has {FLOW_FILE} and {MESSAGES}/NAME.liquid."
                )
        if "\x00" in text:
            raise InvalidInput(f"{path} has characters that no text has. Save it as plain UTF-8 text.")
        found[path] = text.replace("\r\n", "\n").replace("\r", "\n")
    if FLOW_FILE not in found:
        raise InvalidInput(
            f"There is no {FLOW_FILE}: a flow is {FLOW_FILE} with its messages in the folder {MESSAGES}."
        )
    if len(found) > MOST:
        raise InvalidInput(f"A flow has {MOST} files at most.")
    sizes = {path: len(text.encode()) for path, text in found.items()}
    for path, size in sizes.items():
        if size > LARGEST:
            raise InvalidInput(
                f"{path} is larger than {LARGEST // 1000} kB: shorten it, or leave pictures to addresses."
            )
    if sum(sizes.values()) > LARGEST_IN_ALL:
        raise InvalidInput(f"The files are larger than {LARGEST_IN_ALL // 1000} kB together.")
    return found


def read(data: bytes) -> Bundle:
    """The flow in this zip, at its top or in the one folder that has a ``flow.yaml``. Raises InvalidInput."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir() and not _LITTER.search(one.filename)]
            if len(entries) > _MOST_ENTRIES:
                raise InvalidInput(f"The zip has more than {_MOST_ENTRIES} files: zip the folder of one flow only.")
            top = _top(entries)
            mine = {one.filename.removeprefix(top): one for one in entries if one.filename.startswith(top)}
            wanted = {path: one for path, one in mine.items() if path == FLOW_FILE or message_of(path) is not None}
            left_out = tuple(sorted({one.filename for one in entries} - {one.filename for one in wanted.values()}))
            if len(wanted) > MOST:
                raise InvalidInput(f"A flow has {MOST} files at most.")
            files, room = {}, LARGEST_IN_ALL
            for path, one in wanted.items():
                files[path] = _text(archive, one, path, min(LARGEST, room))
                room -= len(files[path].encode())
    except (BadZipFile, Damaged, NotImplementedError, EOFError, ValueError, OSError):
        raise InvalidInput("The zip cannot be read. Zip the folder of the flow anew, without a password.") from None
    return Bundle(checked(files), left_out[:20])


def _top(entries: list[ZipInfo]) -> str:
    names = [one.filename for one in entries]
    if len(set(names)) < len(names):
        raise InvalidInput("A file is twice in the zip. Zip the folder of the flow anew.")
    if any(".." in name.split("/") or name.startswith("/") or "\\" in name or ":" in name for name in names):
        raise InvalidInput("The zip has a file outside of its folder. Zip the folder of the flow anew.")
    tops = [name.removesuffix(FLOW_FILE) for name in names if name.rpartition("/")[2] == FLOW_FILE]
    if len(tops) > 1:
        raise InvalidInput(f"There are {len(tops)} flows in the zip: upload them one by one.")
    return tops[0] if tops else ""


def _text(archive: ZipFile, entry: ZipInfo, path: str, most: int) -> str:
    if entry.flag_bits & 1:
        raise InvalidInput("The zip has a password. Zip the folder of the flow anew, without one.")
    with archive.open(entry) as stream:
        # The size that the archive claims is not believed.
        raw = stream.read(most + 1)
    if len(raw) > most:
        raise InvalidInput(f"{path} is too large: {LARGEST // 1000} kB for a file and {LARGEST_IN_ALL // 1000} in all.")
    return text_of(raw, path)


def text_of(raw: bytes, path: str) -> str:
    """Raises InvalidInput unless it is UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is no UTF-8 text. Save it as UTF-8 and upload it again.") from None


def write(flow: str, files: Mapping[str, str]) -> bytes:
    """A zip with the folder of this flow: the same bytes for the same files."""
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for path, text in files.items():
            entry = ZipInfo(f"{flow}/{path}", _LONG_AGO)
            entry.compress_type = ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return made.getvalue()
