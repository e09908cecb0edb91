"""What a path may be at which a file is written whole."""

import os
import stat
import threading
from pathlib import Path

import pytest

from meta_autonomous.adapters.whole_file import replaceable, write_whole

LONG = "word " * 50_000  # more than a pipe holds


def made_device(path: Path) -> None:
    """The null device, made anew: the machine's own is not ours to try this on."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        path.write_text("tried")
    except PermissionError:
        pytest.skip("only root makes devices")


def test_a_file_is_replaced_and_has_the_mode(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    before = file.stat().st_ino
    write_whole(file, "new", mode=0o640)
    assert file.read_text() == "new"
    assert file.stat().st_ino != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("is_there", [True, False], ids=["to a file", "to nothing yet"])
def test_a_symlink_stays_and_its_target_is_written(tmp_path, is_there):
    target = tmp_path / "elsewhere" / "target"
    target.parent.mkdir()
    if is_there:
        target.write_text("old")
    link, second = tmp_path / "link", tmp_path / "second"
    link.symlink_to("elsewhere/target")
    second.symlink_to("link")
    write_whole(second, "new", mode=0o600)
    assert target.read_text() == "new"
    assert link.is_symlink()
    assert second.is_symlink()


def test_a_device_stays_a_device(tmp_path):
    device, link = tmp_path / "null", tmp_path / "link"
    made_device(device)
    link.symlink_to(device)
    for path in (device, link):
        write_whole(path, LONG, mode=0o600)
    assert device.is_char_device()
    assert stat.S_IMODE(device.stat().st_mode) & 0o200
    assert link.is_symlink()


def test_who_reads_a_pipe_gets_all_of_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    ours = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(ours, True)
    writer = threading.Thread(target=write_whole, args=(pipe, LONG), kwargs={"mode": 0o600})
    writer.start()
    first = b""
    while not first:  # the pipe reads as at its end until the writer comes
        first = os.read(ours, 4)
    with os.fdopen(ours) as reader:
        assert first.decode() + reader.read() == LONG
    writer.join()
    assert pipe.is_fifo()


def test_a_pipe_that_nobody_reads_is_an_error_and_no_wait(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device or address"):
        write_whole(pipe, "new", mode=0o600)
    assert pipe.is_fifo()


def test_no_folder_and_no_loop_is_written(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    for path in (tmp_path, loop):
        with pytest.raises(OSError, match=r"Is a directory|Too many levels"):
            write_whole(path, "new", mode=0o600)
    assert loop.is_symlink()


def test_a_pipe_is_nothing_to_put_a_file_in_the_place_of(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"):
        replaceable(pipe)
