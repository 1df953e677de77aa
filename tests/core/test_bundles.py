"""Archives of flows, made by anybody: what is taken from them, and what is not."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest

from connector.errors import InvalidInput
from flows import bundles

FLOW = "flow: news\n"


def zipped(*entries: tuple[str, bytes]) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return made.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        bundles.read(data)
    return str(caught.value)


@pytest.mark.parametrize("top", ["", "news/", "my flows/news/"])
def test_the_folder_of_a_flow_is_found_and_litter_is_not_taken(top: str) -> None:
    entries = [("flow.yaml", b"\xef\xbb\xbfflow: news\r\n"), ("messages/hello.de.liquid", "Schön".encode())]
    litter = [(".DS_Store", b"x"), ("messages/.hidden", b"x"), ("__MACOSX/._flow.yaml", b"x")]
    more = [("notes.txt", b"for us"), ("messages/deep/hello.liquid", b"x")]
    found = bundles.read(zipped(*((f"{top}{name}", data) for name, data in [*entries, *litter, *more])))
    assert found.files == {"flow.yaml": FLOW, "messages/hello.de.liquid": "Schön"}
    assert found.left_out == tuple(sorted(f"{top}{name}" for name, _ in more))


def test_what_was_written_is_read_and_the_same_files_are_the_same_bytes() -> None:
    files = {"flow.yaml": FLOW, "messages/a.liquid": "a\n", "messages/b.vip.de.liquid": "ö\n"}
    assert bundles.read(bundles.write("news", files)).files == files
    assert bundles.write("news", files) == bundles.write("news", dict(files))
    assert bundles.messages_in(files) == {"a": "a\n", "b.vip.de": "ö\n"}


@pytest.mark.parametrize(
    "name", ["../flow.yaml", "/etc/flow.yaml", "a/../../flow.yaml", "a\\..\\flow.yaml", "C:/flow.yaml"]
)
def test_a_path_out_of_the_folder_is_refused(name: str) -> None:
    assert "outside of its folder" in refusal(zipped(("flow.yaml", b"flow: x"), (name, b"flow: y")))


def test_what_is_too_much_is_refused_before_it_is_read() -> None:
    """Ten megabytes of one letter are ten kilobytes in the zip."""
    bomb = zipped(("flow.yaml", b"flow: x"), ("messages/a.liquid", b"a" * 10_000_000))
    assert len(bomb) < 20_000 and "is too large" in refusal(bomb)
    many = [(f"messages/m{number}.liquid", b"a" * 140_000) for number in range(9)]
    assert "is too large" in refusal(zipped(("flow.yaml", b"flow: x"), *many))
    assert "more than 500 files" in refusal(zipped(*((f"{number}.txt", b"") for number in range(501))))
    few = [(f"messages/m{number}.liquid", b"") for number in range(100)]
    assert "100 files at most" in refusal(zipped(("flow.yaml", b"flow: x"), *few))


def test_an_archive_that_lies_about_its_sizes_is_refused() -> None:
    honest = zipped(("flow.yaml", b"flow: news\n" * 20_000))
    # The size of the file, where the directory of the archive says it.
    lying = honest.replace((220_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert honest != lying
    assert "too large" in refusal(honest)
    refusal(lying)


def test_what_is_no_archive_of_one_flow_is_refused_with_what_to_do() -> None:
    assert "cannot be read" in refusal(b"PK\x03\x04 and nothing more")
    assert "There is no flow.yaml" in refusal(zipped(("messages/a.liquid", b"a")))
    assert "2 flows" in refusal(zipped(("a/flow.yaml", b"x"), ("b/flow.yaml", b"x")))
    assert "no UTF-8" in refusal(zipped(("flow.yaml", b"flow: \xff")))
    assert "lower case" in refusal(zipped(("flow.yaml", b"flow: x"), ("messages/A b.liquid", b"a")))
    assert "no text" in refusal(zipped(("flow.yaml", b"flow: \x00")))
    locked = BytesIO(zipped(("flow.yaml", b"flow: x")))
    with ZipFile(locked, "a") as archive:
        entry = ZipInfo("messages/a.liquid")
        archive.writestr(entry, b"a")
        entry.flag_bits |= 1
    assert "password" in refusal(locked.getvalue())


@pytest.mark.parametrize(
    "path", ["flow.yml", "messages/../flow.yaml", "messages/a.txt", "/flow.yaml", "messages/.liquid"]
)
def test_only_files_of_a_flow_are_kept(path: str) -> None:
    with pytest.raises(InvalidInput):
        bundles.checked({"flow.yaml": FLOW, path: ""})
    assert bundles.checked({"messages/a.liquid": "", "flow.yaml": "a\r\nb\rc"}) == {
        "flow.yaml": "a\nb\nc",
        "messages/a.liquid": "",
    }
