"""Clips: read upright and in time, painted without flicker, written with their sound."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import HEIGHT, RATE, WIDTH, av, frames_of, pan, patches, record, scene
from conftest import make_photo
from serve import wait
from typer.testing import CliRunner

import styleplug
from styleplug.algorithms.flow import Flow, Motion, blended, temporal
from styleplug.core.errors import BadImage, Cancelled, OutputError, UsageError
from styleplug.engine import Engine
from styleplug.engine.video import ahead, warping_error
from styleplug.imaging import video, video_write
from styleplug.imaging.video import Clip, tone_mapped
from styleplug.imaging.video_write import Writer
from styleplug.methods import gatys


def turned(path: Path, quarter: bytes) -> Path:
    """The file with the matrix of its track header replaced, as phones write it."""
    data, one = path.read_bytes(), b"\x00\x01\x00\x00"
    upright = one + bytes(12) + one + bytes(12) + b"\x40\x00\x00\x00"
    at = data.index(upright, data.index(b"tkhd"))
    path.write_bytes(data[:at] + quarter + data[at + len(quarter) :])
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return record(tmp_path / "clip.mp4", pan(12), tracks=2)


def frames_if(path: Path) -> list[tuple[float, np.ndarray]]:
    """The frames of a file that may have none yet."""
    try:
        return frames_of(path)
    except BadImage:
        return []


# Reading --------------------------------------------------------------------------------


def test_clip_read_in_time_and_colour(clip: Path) -> None:
    found = frames_of(clip)
    facts = Clip(clip).facts
    assert (facts.width, facts.height, facts.rate, facts.hdr) == (WIDTH, HEIGHT, RATE, False)
    assert [round(time, 3) for time, _ in found] == [i / RATE for i in range(12)]
    for (_, frame), made in zip(found, pan(12), strict=True):
        assert frame.shape == (HEIGHT, WIDTH, 3) and np.abs(frame - made).mean() < 0.04


@pytest.mark.parametrize(("start", "end", "count"), [(0.5, 9, 7), (0.72, 1.0, 2), (0, 0.3, 3)])
def test_clip_part_begins_at_zero(clip: Path, start: float, end: float, count: int) -> None:
    times = [time for time, _ in Clip(clip).frames(WIDTH, start, end)]
    assert len(times) == count and 0 <= times[0] < 1 / RATE


def test_clip_other_rate_keeps_duration(tmp_path: Path) -> None:
    uneven = [0.0, 0.05, 0.1, 0.15, 0.2, 0.6, 1.0, 1.1]
    path = record(tmp_path / "uneven.mp4", pan(8), times=uneven)
    assert [round(time, 2) for time, _ in Clip(path).frames(WIDTH)] == uneven
    fewer = [round(time, 2) for time, _ in Clip(path).frames(WIDTH, rate=5)]
    assert fewer == [0.0, 0.2, 0.6, 1.0]


@pytest.mark.parametrize("turns", [-1, 1])
def test_clip_of_phone_is_upright(tmp_path: Path, turns: int) -> None:
    one, minus = b"\0\1\0\0", b"\xff\xff\0\0"
    sine = (minus, one) if turns == 1 else (one, minus)
    quarter = bytes(4) + sine[0] + bytes(4) + sine[1]
    path = turned(record(tmp_path / "phone.mp4", pan(2)), quarter)
    facts = Clip(path).facts
    assert (facts.width, facts.height) == (HEIGHT, WIDTH)
    (_, frame), _ = frames_of(path)
    assert np.abs(frame - np.rot90(pan(1)[0], turns)).mean() < 0.05


@pytest.mark.parametrize("data", [b"", b"no video at all", b"\0\0\0\x18ftypmp42" + bytes(90)])
def test_no_video_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(data)
    with pytest.raises(BadImage, match=r"'bad.mp4' is not a video"):
        Clip(path)
    with pytest.raises(BadImage, match="no file"):
        Clip(tmp_path / "none.mp4")


@pytest.mark.parametrize("text", ["ffconcat version 1.0\nfile 'clip.mp4'\n",
                                  "#EXTM3U\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n"])  # fmt: skip
def test_list_of_other_files_refused(clip: Path, text: str) -> None:
    listed = clip.with_name("list.mp4")
    listed.write_text(text)
    with pytest.raises(BadImage, match="'list.mp4' is not a video that can be read") as refused:
        Clip(listed)
    assert str(clip.parent) not in str(refused.value)


def test_frames_too_large_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "LARGEST", WIDTH - 1)
    with pytest.raises(BadImage, match=f"frames of {WIDTH} × {HEIGHT} px; expected at most 95 px"):
        Clip(clip)


def test_damage_skipped_and_counted(tmp_path: Path) -> None:
    path = record(tmp_path / "clip.mkv", pan(60))
    data = bytearray(path.read_bytes())
    for at in range(len(data) // 3, len(data) // 2, 40):
        data[at] ^= 0xFF
    path.write_bytes(data)
    broken = Clip(path)
    assert 10 < len(list(broken.frames(WIDTH))) < 60
    path.write_bytes(path.read_bytes()[: len(data) * 2 // 3])
    assert 5 < len(frames_of(path)) < 60


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_mapped(transfer: int) -> None:
    ramp = np.linspace(0, 1, 33, dtype=np.float32)[:, None, None].repeat(3, 2)
    mapped = tone_mapped(ramp, transfer)
    assert (np.diff(mapped[:, 0, 1]) >= 0).all() and mapped[0].max() < 0.02
    assert 0.97 < mapped[-1].min() <= mapped.max() <= 1
    white = np.full((1, 1, 3), 0.58 if transfer == 16 else 0.75, np.float32)  # 203 cd/m²
    assert 0.65 < tone_mapped(white, transfer).mean() < 0.85


def in_ten_bits(*rgb: float) -> tuple[int, int, int]:
    """Y, Cb and Cr of BT.2020 in 10 bits, of encoded red, green and blue."""
    red, green, blue = rgb
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    chroma = ((blue - luma) / 1.8814, (red - luma) / 1.4746)
    return (round(64 + 876 * luma), *(round(512 + 896 * one) for one in chroma))


def pq(light: float) -> float:
    """Light in cd/m², encoded by SMPTE ST 2084."""
    power = (light / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light: float) -> float:
    """Grey light in cd/m², encoded by BT.2100 for a screen of 1000 cd/m²."""
    scene = (light / 1000) ** (1 / 1.2)
    bright = 0.17883277 * math.log(max(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return math.sqrt(3 * scene) if scene <= 1 / 12 else bright


@pytest.mark.parametrize(("transfer", "encode"), [(16, pq), (18, hlg)])
def test_hdr_clip_of_grey_patches(tmp_path: Path, transfer: int, encode: Any) -> None:
    """Both encodings of the same light look the same; white paper (203 cd/m²) is a light grey."""
    light = np.array([0.0, 20.0, 100.0, 203.0, 600.0, 1000.0])
    levels = [in_ten_bits(*(encode(one),) * 3) for one in light]
    clip = Clip(patches(tmp_path / "hdr.mp4", levels, transfer))
    assert clip.facts.hdr
    ((_, frame),) = clip.frames(WIDTH)
    across = WIDTH // len(light)
    found = frame[HEIGHT // 2, across // 2 :: across]
    relative = light / 203
    mapped = relative * (1 + relative / (1000 / 203) ** 2) / (1 + relative)
    expected = np.where(mapped < 0.0031308, 12.92 * mapped, 1.055 * mapped ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 3, 1), atol=0.015)
    assert abs(found[3].mean() - 0.745) < 0.015


def test_hdr_clip_of_colours_has_its_matrix(tmp_path: Path) -> None:
    """Green and red of BT.709 stay pure: the matrix of BT.601 would change them."""
    light = np.array([[0.3293, 0.9195, 0.0880], [0.6274, 0.0691, 0.0164]]) * 203  # green, red
    levels = [in_ten_bits(*map(pq, one)) for one in light]
    ((_, frame),) = Clip(patches(tmp_path / "hdr.mp4", levels, 16)).frames(WIDTH)
    found = frame[HEIGHT // 2, [WIDTH // 4, 3 * WIDTH // 4]]
    assert found[0] == pytest.approx([0, 0.797, 0], abs=0.06) and found[0, 1] < 0.82
    assert found[1] == pytest.approx([0.92, 0, 0], abs=0.06) and found[1, 0] > 0.9


# Motion ---------------------------------------------------------------------------------


def test_flow_of_a_pan_is_its_step() -> None:
    before, after = pan(2, step=3)
    motion = Flow().between(before, after)
    grid = np.mgrid[:HEIGHT, :WIDTH][1]
    moved = (motion.place[:, :, 0] - grid)[8:-8, 8:-12]
    assert abs(np.median(moved) - 3) < 0.2
    assert motion.trust[8:-8, 8:-12].mean() > 0.6 and not motion.cut
    assert motion.trust[:, -2:].max() == 0  # what came into view


def test_cut_found() -> None:
    assert Flow().between(scene(0)[:, :WIDTH], scene(5)[:, :WIDTH]).cut


def test_blended_only_where_trusted() -> None:
    place = np.stack(np.meshgrid(np.arange(8), np.arange(6)), 2).astype(np.float32)
    trust = np.zeros((6, 8), np.float32)
    trust[:, :4] = 1
    black, white = np.zeros((6, 8, 3), np.float32), np.ones((6, 8, 3), np.float32)
    out = blended(black, white, Motion(place, trust), 0.75)
    assert (out[:, :4] == 0.75).all() and (out[:, 4:] == 0).all()


def test_temporal_loss_has_its_gradient() -> None:
    rng = np.random.default_rng(0)
    picture, before = rng.random((2, 1, 3, 4, 6))
    trust = rng.random((1, 1, 4, 6))

    def nothing(picture: Any) -> Any:
        return {"gradient": np.ones_like(picture)}

    def value(x: Any) -> float:
        return float(5 * (trust * np.square(x - before)).mean() + x.sum())

    slope = temporal(nothing, before, trust, 5.0)(picture=picture)["gradient"]
    step = 1e-5 * rng.standard_normal(picture.shape)
    change = value(picture + step) - value(picture - step)
    assert change == pytest.approx(2 * float((slope * step).sum()), rel=1e-5)


# Painting -------------------------------------------------------------------------------


def paint(clip: Path, out: Path, **values: Any) -> Any:
    told = {"style": make_photo(64, 64, seed=3).pixels, "size": WIDTH, "backend": "fake"}
    return styleplug.video(clip, out, **told | values)


def test_video_keeps_times_and_all_sound(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    report = paint(clip, out, start=0.3).finish()
    assert (report.frames, report.skipped, report.cancelled, report.out) == (9, 0, False, out)
    assert [round(time, 2) for time, _ in frames_of(out)] == [i / RATE for i in range(9)]
    with av.open(str(out)) as made, av.open(str(clip)) as source:
        assert made.streams.video[0].start_time == 0
        assert len(made.streams.audio) == len(source.streams.audio) == 2
        for track in made.streams.audio:
            assert 0.5 < float(track.duration * track.time_base) < 1.1
    assert not list(tmp_path.glob("*partial*"))


def test_video_smoothing_halves_flicker(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    clip = record(tmp_path / "clip.mp4", pan(8))
    contents = [frame for _, frame in frames_of(clip)]
    motions = [Flow().between(*pair) for pair in zip(contents, contents[1:], strict=False)]
    found = {}
    for smooth in (0.0, 0.8):
        run = paint(clip, tmp_path / "out.mp4", smooth=smooth, backend="onnx")
        found[smooth] = warping_error([frame.picture for frame in run], motions)
    assert found[0.8] < 0.5 * found[0.0]


@pytest.mark.slow
def test_gatys_video_continues_the_frame_before(tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("onnxruntime")
    clip = record(tmp_path / "clip.mp4", pan(3))
    contents = [frame for _, frame in frames_of(clip)]
    motions = [Flow().between(*pair) for pair in zip(contents, contents[1:], strict=False)]
    found = {}
    for weight in (0.0, 400.0):
        for smooth in (0.0, 0.8):
            monkeypatch.setattr(gatys, "_TEMPORAL", weight)
            given = {"smooth": smooth, "backend": "onnx", "iterations": 15, "method": "gatys"}
            run = paint(clip, tmp_path / "out.mp4", **given)
            found[weight, smooth] = warping_error([one.picture for one in run], motions)
    assert found[0.0, 0.8] < 0.8 * found[0.0, 0.0]  # by the start alone
    assert found[400.0, 0.8] < 0.2 * found[400.0, 0.0]


def test_method_that_follows_gets_result_before_it_is_finished(
    tmp_path: Path, monkeypatch: Any
) -> None:
    clip = record(tmp_path / "cut.mp4", [*pan(3), *pan(2, seed=5)])
    seen: list[tuple[Any, Any]] = []
    whole = Engine.run

    def run(*given: Any, before: Any, **more: Any) -> Any:
        *_, final = whole(*given, before=before, **more)
        seen.append((before, final.unfinished))
        yield final

    monkeypatch.setattr(Engine, "run", run)
    given = {"method": "gatys", "iterations": 2, "smooth": 0.5, "keep_colours": True}
    shown = list(paint(clip, tmp_path / "a.mp4", **given))
    assert [before is None for before, _ in seen] == [True, False, False, True, False]
    contents = [frame for _, frame in frames_of(clip)]
    motion, before, made = Flow().between(*contents[:2]), seen[1][0], seen[0][1]
    np.testing.assert_allclose(before.picture, motion.moved(made), atol=1e-6)
    assert np.abs(made - shown[0].picture).mean() > 0.01  # that has other colours
    np.testing.assert_allclose(before.trust[:, :, 0], 0.5 * motion.trust, atol=1e-6)


def test_video_new_scene_is_not_blended(tmp_path: Path) -> None:
    clip = record(tmp_path / "cut.mp4", [*pan(4), *pan(4, seed=5)])
    smooth = list(paint(clip, tmp_path / "a.mp4", smooth=1.0))
    single = list(paint(clip, tmp_path / "b.mp4", smooth=0.0))
    assert [frame.cut for frame in smooth] == [False] * 4 + [True] + [False] * 3
    np.testing.assert_array_equal(smooth[4].picture, single[4].picture)
    assert smooth[0].count == 8


def test_video_stopped_leaves_playable_part(clip: Path, tmp_path: Path) -> None:
    cancel = threading.Event()
    run = paint(clip, tmp_path / "out.mp4", cancel=cancel)
    for frame in run:
        if frame.number == 4:
            cancel.set()
    assert run.report.cancelled and run.report.out == tmp_path / "out.partial.mp4"
    assert len(frames_of(run.report.out)) == 4 and not (tmp_path / "out.mp4").exists()
    with pytest.raises(Cancelled):
        paint(clip, tmp_path / "none.mp4", cancel=cancel).finish()
    assert not list(tmp_path.glob("none*"))


@pytest.mark.slow
def test_video_goes_on_after_kill(tmp_path: Path, monkeypatch: Any) -> None:
    """The file of a killed run is one that nobody closed."""
    monkeypatch.setattr(video_write, "_EACH", 0.3)
    clip = record(tmp_path / "clip.mp4", pan(60))
    out, partial = tmp_path / "out.mp4", tmp_path / "out.partial.mp4"
    copy = tmp_path / "killed.mp4"
    before = {}
    for frame in paint(clip, out, smooth=0.0):
        before[frame.number] = frame.picture
        if frame.number == 59:
            assert wait(lambda: len(frames_if(partial)) > 9)
            copy.write_bytes(partial.read_bytes())
    copy.replace(partial)
    kept = len(frames_of(partial)) - 1
    assert 5 < kept < 59
    runs: list[int] = []
    whole = Engine.run
    monkeypatch.setattr(Engine, "run", lambda *a, **k: runs.append(1) or whole(*a, **k))
    again = list(paint(clip, out, smooth=0.0))
    assert len(again) == 60 and len(runs) == 60 - kept
    for frame in again:
        assert np.abs(frame.picture - before[frame.number]).mean() < 0.03
    assert sorted(one.name for one in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]
    partial.write_bytes(out.read_bytes())
    runs.clear()
    list(paint(clip, out, smooth=0.0, size=64))  # another request begins anew
    assert len(runs) == 60


def test_video_webm_and_odd_sides(clip: Path, tmp_path: Path) -> None:
    report = paint(clip, tmp_path / "out.webm", size=75, end=0.3).finish()
    assert report.frames == 3 and "aac sound is left out" in " ".join(report.notes)
    assert Clip(tmp_path / "out.webm").facts.width == 74


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_webm_keeps_transparency(tmp_path: Path, codec: str) -> None:
    seen = np.ones((HEIGHT, WIDTH), np.float32)
    seen[:, WIDTH // 2 :] = 0.5
    seen[: HEIGHT // 2, WIDTH // 2 :] = 0
    frames = [np.dstack([one, seen]) for one in pan(3)]
    clip = record(tmp_path / "clear.webm", frames, codec=codec)
    assert Clip(clip).facts.alpha
    for (_, frame), made in zip(frames_of(clip), frames, strict=True):
        assert frame.shape == (HEIGHT, WIDTH, 4)
        np.testing.assert_allclose(frame[4::24, 4::24, 3], seen[4::24, 4::24], atol=0.03)
        assert np.abs(frame - made)[:, : WIDTH // 2 - 4].mean() < 0.05
    report = paint(clip, tmp_path / "out.webm").finish()
    assert not [note for note in report.notes if "transparency" in note]
    for _, frame in frames_of(report.out):
        np.testing.assert_allclose(frame[4::24, 4::24, 3], seen[4::24, 4::24], atol=0.05)
    report = paint(clip, tmp_path / "out.mp4").finish()
    (_, frame), *_ = frames_of(report.out)
    assert frame.shape == (HEIGHT, WIDTH, 3) and frame[4:20, 64:90].min() > 0.96
    assert [note for note in report.notes if "transparency became white: .mp4" in note]


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"out": "a.gif"}, OutputError, "must end in .mp4"),
        ({"start": 5.0}, UsageError, "nothing is left of the clip"),
        ({"method": "dcgan"}, UsageError, "does not repaint a picture"),
        ({"out": "nowhere/a.mp4"}, OutputError, "cannot be written"),
    ],
)
def test_video_wrong_request_named(
    clip: Path, tmp_path: Path, values: dict[str, Any], error: type[Exception], said: str
) -> None:
    told = {"backend": "fake", **values}
    out = tmp_path / told.pop("out", "a.mp4")
    told |= {} if "method" in told else {"style": make_photo(64, 64).pixels}
    with pytest.raises(error, match=said):
        styleplug.video(clip, out, **told).finish()


def test_video_command(clip: Path, tmp_path: Path) -> None:
    from styleplug.cli import app

    out = tmp_path / "out.mp4"
    asked = ["--style", "night", "--size", "64", "--to", "0.3", "--set", "backend=fake"]
    done = CliRunner().invoke(app, ["video", str(clip), "--out", str(out), *asked, "--json"])
    assert done.exit_code == 0, done.output
    assert '"frames": 3' in done.stdout.replace('":', '": ').replace("  ", " ")
    assert len(frames_of(out)) == 3


# Threads --------------------------------------------------------------------------------


def test_ahead_keeps_order_raises_and_ends() -> None:
    assert list(ahead(iter(range(50)))) == list(range(50))

    def broken() -> Any:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(ahead(broken()))
    before = set(threading.enumerate())
    endless = ahead(iter(lambda: 1, 2))
    assert next(endless) == 1
    endless.close()
    assert set(threading.enumerate()) == before


def test_writer_time_never_goes_back(tmp_path: Path, clip: Path) -> None:
    out = tmp_path / "out.mp4"
    with Writer(out, RATE, clip) as writer:
        for time in (0.0, 0.1, 0.1, 0.05):
            writer.write(time, pan(1)[0])
    assert len(frames_of(out)) == 4
