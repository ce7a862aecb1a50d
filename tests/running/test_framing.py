from __future__ import annotations

import random
import tempfile
from pathlib import Path

import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from toolenv.running.framing import Damage, Frame, close_off, compress, decompress, walk

contents = st.binary(min_size=1, max_size=300) | st.integers(9_000, 200_000).map(
    lambda size: random.Random(size).randbytes(size)
)


@given(st.lists(contents, max_size=5))
@settings(max_examples=50, deadline=None)
def test_frames_are_found_one_after_the_other(pieces: list[bytes]) -> None:
    frames = [compress(piece) for piece in pieces]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(b"".join(frames))
        found = list(walk(path))
        assert [piece.content for piece in found if isinstance(piece, Frame)] == pieces
        assert [piece.length for piece in found] == [len(frame) for frame in frames]
        assert [decompress(frame) for frame in frames] == pieces
        if len(found) > 1:
            assert list(walk(path, found[1].offset)) == found[1:]


@given(st.binary(min_size=8, max_size=200).filter(lambda b: b[1:4] != b"\x2a\x4d\x18"))
@settings(max_examples=50, deadline=None)
def test_what_is_damaged_is_passed_and_can_be_closed_off(damage: bytes) -> None:
    before, behind = compress(b"before\n"), compress(b"behind\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(before + damage + behind)
        first, gap, last = walk(path)
        assert isinstance(first, Frame) and isinstance(last, Frame)
        assert (first.content, last.content) == (b"before\n", b"behind\n")
        assert gap == Damage(len(before), len(damage))
        close_off(path, gap)
        assert list(walk(path)) == [first, last]
        with zstandard.open(path, "rb") as file:
            assert file.read() == b"before\nbehind\n"
        assert path.stat().st_size == len(before) + len(damage) + len(behind)


def test_what_is_no_whole_frame_is_nothing() -> None:
    frame = compress(b"content")
    for broken in (b"", frame[:-1], frame + b"x", frame + frame, frame[:-1] + b"?"):
        assert decompress(broken) is None
