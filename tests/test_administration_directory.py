"""What of a directory is sent, and what keeps it from being sent at all."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.administration import Directory, DirectoryError
from grantd.administration import directory as sending
from grantd.administration.governance import calls
from grantd_server.administration import uploads
from grantd_server.governance.document import MOST_FILES
from grantd_server.governance.testing.places import yaml_files
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.limits import MESSAGE_BYTES, UPLOAD_BYTES, UPLOAD_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    return folder


@pytest.mark.parametrize(
    "place", [ROOT / "deploy/sample/governance", ROOT / "tests/small_company"], ids=lambda p: p.name
)
def test_what_is_sent_is_what_is_read_where_the_directory_lies(place: Path) -> None:
    local = {file.relative_to(place).as_posix(): file.read_bytes() for file in yaml_files(place)}
    assert len(local) > 1
    assert Directory.read(place).files == local


def test_tests_are_sent_and_what_is_hidden_or_no_yaml_is_not(tmp_path: Path) -> None:
    write(tmp_path, "b.yml", "a.yaml", "tests/t.yaml", "README.md", ".a.yaml", ".git/c.yaml", "x.yaml.bak")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").symlink_to("/nowhere")
    (tmp_path / ".data").symlink_to("/")
    assert list(Directory.read(tmp_path).files) == ["a.yaml", "b.yml", "tests/t.yaml"]
    assert Directory.read(str(tmp_path)).files["a.yaml"] == b"# a.yaml\n"


def test_a_mounted_config_map_is_read_through_its_links(tmp_path: Path) -> None:
    write(tmp_path / "map", "..2026/rules.yaml")
    (tmp_path / "map" / "..data").symlink_to("..2026")
    (tmp_path / "map" / "rules.yaml").symlink_to("..data/rules.yaml")
    (tmp_path / "current").symlink_to("map")
    for place in ("map", "current"):
        assert Directory.read(tmp_path / place).files == {"rules.yaml": b"# ..2026/rules.yaml\n"}


def _linked_out(folder: Path) -> None:
    (folder.parent / "secret.yaml").write_text("canary")
    (folder / "x.yaml").symlink_to("../secret.yaml")


def _a_socket(folder: Path) -> None:
    here = Path.cwd()
    os.chdir(folder)  # the paths of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind("x.yaml")
    finally:
        os.chdir(here)


def _in(name: str) -> Callable[[Path], Any]:
    return lambda folder: write(folder, name)


ODD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a link out of it": (_linked_out, "x.yaml': a link out of the directory"),
    "a link to its neighbour": (
        lambda folder: (write(folder.parent, f"{folder.name}more/y.yaml"),
                        (folder / "x.yaml").symlink_to(f"../{folder.name}more/y.yaml")),
        "x.yaml': a link out of the directory",
    ),
    "a broken link": (lambda folder: (folder / "x.yaml").symlink_to("gone.yaml"), "gone.yaml': No such file"),
    "a link to itself": (lambda folder: (folder / "x.yaml").symlink_to("x.yaml"), "x.yaml': Too many levels"),
    "a link to a device": (lambda folder: (folder / "x.yaml").symlink_to("/dev/zero"), "x.yaml': a link out of"),
    "a link to a folder": (lambda folder: (folder / "more").symlink_to("."), "more': a link to a folder"),
    "a pipe": (lambda folder: os.mkfifo(folder / "x.yaml"), "x.yaml': no regular file"),
    "a link to a pipe": (
        lambda folder: (os.mkfifo(folder / ".pipe"), (folder / "x.yaml").symlink_to(".pipe")),
        "x.yaml': no regular file",
    ),
    "a socket": (_a_socket, "x.yaml': No such device"),
    "another spelling of the ending": (_in("x.YAML"), "x.YAML': only .yaml and .yml are read"),
    "a backslash": (_in("a\\b.yaml"), "a file of this name"),
    "a colon": (_in("c:x.yaml"), "a file of this name"),
    "a control character": (_in("x\x1b[2J.yaml"), r"x\\x1b\[2J.yaml': a file of this name"),
    "a long name": (_in("x" * 129 + ".yaml"), "a file of this name"),
    "a deep path": (_in("/".join(["d" * 100] * 6) + "/x.yaml"), "a file of this name"),
    "a name that is no text": (lambda folder: (folder / os.fsdecode(b"\xff.yaml")).touch(), "a file of this name"),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_what_cannot_be_sent_as_it_is_keeps_the_whole_directory_back(odd: str, tmp_path: Path) -> None:
    make, told = ODD[odd]
    folder = write(tmp_path / "governance", "a.yaml")
    make(folder)
    with pytest.raises(DirectoryError, match=told) as caught:
        Directory.read(folder)
    assert "canary" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_cannot_be_read_keeps_the_directory_back(tmp_path: Path) -> None:
    """Folders so deep that not even root can name the innermost."""
    folder = write(tmp_path / "governance", "a.yaml")
    above = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=above)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=above)
        os.close(above)
        above = inner
    os.close(above)
    with pytest.raises(DirectoryError, match="File name too long"):
        Directory.read(folder)


def test_no_directory_and_an_empty_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match="nowhere': No such file"):
        Directory.read(tmp_path / "nowhere")
    with pytest.raises(DirectoryError, match=r"a\.yaml': Not a directory"):
        Directory.read(write(tmp_path / "one", "a.yaml") / "a.yaml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DirectoryError, match="1 to 2000 YAML files are expected, 0 are there"):
        Directory.read(tmp_path / "empty")


def test_bounds_are_those_of_the_service() -> None:
    assert (sending.LARGEST, sending.MOST_FILES) == (UPLOAD_BYTES, 2 * MOST_FILES)
    assert Directory({f"{number}.yaml": b"" for number in range(sending.MOST_FILES)})
    with pytest.raises(DirectoryError, match="2001 are there"):
        Directory({f"{number}.yaml": b"" for number in range(sending.MOST_FILES + 1)})


def counted(directory: Directory) -> tuple[int, int]:
    """What the service counts of an upload, with the longest options; and its largest message."""
    options = calls.apply_options("é" * 256, True, True, 2**62, 2**62)
    sizes = [message.ByteSize() for message in calls.apply_bundle(directory, options).build()]
    return sum(sizes) + len(sizes) * UPLOAD_OVERHEAD, max(sizes)


def test_the_largest_that_is_sent_is_taken_and_a_little_more_is_not_sent(tmp_path: Path) -> None:
    room = sending.LARGEST - 128 * 1024
    assert counted(Directory({"a.yaml": bytes(room)}))[0] <= UPLOAD_BYTES
    with pytest.raises(DirectoryError, match="more than the 16777216 bytes"):
        Directory({"a.yaml": bytes(sending.LARGEST)})
    for name in "ab":
        with (tmp_path / f"{name}.yaml").open("wb") as file:
            file.truncate(sending.LARGEST // 2)
    with pytest.raises(DirectoryError, match="more than the 16777216 bytes"):
        Directory.read(tmp_path)
    os.mkfifo(tmp_path / "c.yaml")
    with pytest.raises(DirectoryError, match="more than the 16777216 bytes"):
        Directory.read(tmp_path)  # and no further than to where it is too much
    (tmp_path / "c.yaml").unlink()
    (tmp_path / "b.yaml").write_bytes(b"")
    assert len(Directory.read(tmp_path).files) == 2


@pytest.mark.parametrize("number", [1, sending.MOST_FILES])
def test_what_the_client_counts_is_never_less_than_what_the_service_counts(number: int) -> None:
    path = "ä" * 100 + "/" + "x" * 20
    files = {f"{path}{each:04}.yaml": bytes(sending.PIECE + 1) for each in range(min(number, 120))}
    total, largest = counted(Directory(files))
    ours = 4096 + sum(sending._size(name, len(content)) for name, content in files.items())
    assert total <= ours
    assert largest <= MESSAGE_BYTES


def is_sent(*paths: str) -> bool:
    try:
        Directory(dict.fromkeys(paths, b""))
    except DirectoryError:
        return False
    return True


def is_taken(*paths: str) -> bool:
    upload = uploads.Upload()
    try:
        for path in paths:
            upload.add(path, b"")
        upload.complete()
        return True
    except Refused:
        return False


@given(st.text(st.sampled_from("ab./\\:\x00\x7f é"), max_size=12).map(lambda text: f"{text}.yaml"))
def test_a_name_is_sent_where_the_service_takes_it(path: str) -> None:
    assert is_sent(path) is is_taken(path)


@pytest.mark.parametrize(
    ("paths", "taken"),
    [
        (["a.yaml", "b.yaml/b.yaml"], True),
        (["a.yaml", "a.yaml/b.yaml"], False),
        (["a.yaml/b/c.yaml", "a.yaml"], False),
        (["b/a.yml/b/c/d.yml", "c.yml", "b/a.yml"], False),
        (["é" * 125 + ".yaml"], True),
        (["é" * 125 + "a.yaml"], False),
        (["é" * 128 + ".yaml"], False),
        (["😀" * 63 + "abc/a.yaml"], True),
        (["😀" * 64 + "/a.yaml"], False),
        (["/".join(["d" * 100] * 5) + "/bc.yaml"], True),
        (["/".join(["d" * 100] * 5) + "/bcd.yaml"], False),
    ],
    ids=lambda value: "",
)
def test_names_that_no_folder_can_hold_are_neither_sent_nor_taken(paths: list[str], taken: bool) -> None:
    assert is_sent(*paths) is taken
    assert is_taken(*paths) is taken


def test_what_the_file_system_does_not_take_is_refused_and_a_full_disk_is_not_the_callers_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(Refused) as caught, uploads.unpacked({"a.yaml": b"", "a.yaml/b.yaml": b""}):
        pass
    assert (caught.value.reason, caught.value.facts["field"]) == (Reason.PARAMETER_INVALID, "piece.path")

    def full(place: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"), uploads.unpacked({"a.yaml": b""}):
        pass


def test_a_fault_of_whoever_reads_the_folder_stays_one() -> None:
    with pytest.raises(FileExistsError), uploads.unpacked({"a.yaml": b""}) as folder:
        (folder / "a.yaml").mkdir()


def test_a_link_that_is_put_in_place_of_a_file_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "governance", "a.yaml")
    (tmp_path / "secret").write_text("canary")
    resolve = os.path.realpath

    def raced(path: Any, *, strict: bool = False) -> str:
        found = resolve(path, strict=strict)
        if Path(found).name == "a.yaml":
            Path(found).unlink()
            Path(found).symlink_to(tmp_path / "secret")
        return found

    monkeypatch.setattr(os.path, "realpath", raced)
    (folder / "b.yaml").symlink_to("a.yaml")
    with pytest.raises(DirectoryError, match="Too many levels"):
        Directory.read(folder)


def test_a_file_that_comes_again_and_one_too_many_are_refused() -> None:
    upload = uploads.Upload()
    for number in range(2 * MOST_FILES):
        upload.add(f"{number}.yaml", b"")
    for path, reason in (("0.yaml", Reason.PARAMETER_REPEATED), ("more.yaml", Reason.BODY_TOO_LARGE)):
        with pytest.raises(Refused) as caught:
            upload.add(path, b"")
        assert caught.value.reason is reason
    assert len(upload.complete()) == 2 * MOST_FILES
