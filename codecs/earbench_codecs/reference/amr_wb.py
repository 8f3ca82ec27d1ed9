"""AMR-WB: libvo-amrwbenc encodes, ffmpeg's own decoder decodes.

The payload is a whole file in the storage format of RFC 4867, 5.3: the rate measured from it is gross,
with each frame's header byte and padding to whole bytes, some 2 to 9 % over the mode's name.
"""

from __future__ import annotations

import ctypes
import shutil
from typing import TYPE_CHECKING, cast

import numpy as np

from earbench_codecs.base import Codec, CodecInfo, Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, CodecUnavailableError
from earbench_codecs.resampling import fit_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

RATE_HZ = 16_000
MODES_KBPS = (6.6, 8.85, 12.65, 14.25, 15.85, 18.25, 19.85, 23.05, 23.85)
FRAME_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61)
"""Bytes of a frame by mode, its header byte included."""
DELAY_SAMPLES = 95
"""5 ms of look-ahead and 15 samples of the filter down to 12.8 kHz; clicks, noise and chirps all agree.

The encoder's 50 Hz high-pass turns the phase of what is below some 500 Hz forward, so that the
cross-correlation of a bass-heavy clip may peak at 94 or less: that is phase, not delay.
"""

_MAGIC = b"#!AMR-WB\n"
_FRAME_SAMPLES = 320
_LIBRARY_NAMES = ("libvo-amrwbenc.so.0", "libvo-amrwbenc.0.dylib", "libvo-amrwbenc-0.dll")
_INSTALL = {
    "apt-get": "sudo apt-get install libvo-amrwbenc0",
    "dnf": "sudo dnf install vo-amrwbenc (from RPM Fusion)",
    "pacman": "sudo pacman -S vo-amrwbenc",
    "brew": "brew install vo-amrwbenc",
}


class AmrWb(Codec):
    """AMR-WB (ITU-T G.722.2), 16 kHz, one channel, nine modes."""

    @property
    def info(self) -> CodecInfo:
        """What it is, and whether the encoder's library is there."""
        missing = _library() is None
        return CodecInfo(
            name="amr-wb",
            title="AMR-WB (libvo-amrwbenc)",
            kind="reference",
            version="libvo-amrwbenc.so.0",
            sample_rates_hz=(RATE_HZ,),
            max_channels=1,
            bitrates_kbps=MODES_KBPS,
            default=Setting(12.65),
            available=not missing,
            reason=f"libvo-amrwbenc is missing; {_install_command()}" if missing else "",
            description="Speech at 16 kHz. The rate measured is gross, with each frame's header byte.",
        )

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        steps = np.clip(np.rint(clip.samples[0] * 32768.0), -32768, 32767).astype(np.int16)
        n_padded = _n_frames(clip.n_samples) * _FRAME_SAMPLES
        frames = np.pad(steps, (0, n_padded - len(steps))).reshape(-1, _FRAME_SAMPLES)
        return [_MAGIC + _encoded_frames(frames, MODES_KBPS.index(cast("float", setting.kbps)))]

    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        del setting
        decoded = _decoded_frames(list(_frames(b"".join(segments))))
        if decoded.shape[1] != _n_frames(shape[1]) * _FRAME_SAMPLES:
            raise BitstreamError(f"{decoded.shape[1]} AMR-WB samples do not fit a clip of {shape[1]}")
        return AudioClip(fit_length(decoded[:, DELAY_SAMPLES:], shape[1]), sample_rate_hz)

    def _require_decoder(self) -> None:
        """Nothing: the decoder comes with PyAV."""


def _n_frames(n_samples: int) -> int:
    """Return the frames that carry the clip to its last sample, through the delay."""
    return -(-(n_samples + DELAY_SAMPLES) // _FRAME_SAMPLES)


def _library() -> ctypes.CDLL | None:
    for name in _LIBRARY_NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.E_IF_init.restype = ctypes.c_void_p
        library.E_IF_init.argtypes = ()
        library.E_IF_encode.argtypes = (
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_int,
        )
        library.E_IF_exit.argtypes = (ctypes.c_void_p,)
        return library
    return None


def _install_command() -> str:
    known = (command for program, command in _INSTALL.items() if shutil.which(program))
    return next(known, "install the package vo-amrwbenc of your system")


def _encoded_frames(frames: NDArray[np.int16], mode: int) -> bytes:
    """Encode frames [N, 320] without discontinuous transmission."""
    library = _library()
    if library is None:
        raise CodecUnavailableError("amr-wb", _install_command())
    state = library.E_IF_init()
    out = ctypes.create_string_buffer(max(FRAME_BYTES) + 3)
    coded = bytearray()
    try:
        for frame in frames:
            n_bytes = library.E_IF_encode(state, mode, frame.ctypes.data, out, 0)
            coded += out.raw[:n_bytes]
    finally:
        library.E_IF_exit(state)
    return bytes(coded)


def _frames(payload: bytes) -> Iterator[bytes]:
    """Split a payload at its frames' header bytes."""
    if not payload.startswith(_MAGIC):
        raise BitstreamError("the payload is not AMR-WB: its first bytes are wrong")
    position = len(_MAGIC)
    while position < len(payload):
        mode = payload[position] >> 3 & 0x0F
        frame = payload[position : position + FRAME_BYTES[mode]] if mode < len(FRAME_BYTES) else b""
        if not frame or len(frame) < FRAME_BYTES[mode]:
            raise BitstreamError(f"the AMR-WB payload is damaged at byte {position} of {len(payload)}")
        yield frame
        position += len(frame)


def _decoded_frames(frames: Sequence[bytes]) -> NDArray[np.float32]:
    """Decode to [1, T] at 16 kHz, saturated to 16 bits as by G.722.2: ffmpeg's floats go far beyond."""
    import av

    decoder = cast("av.AudioCodecContext", av.CodecContext.create("amrwb", "r"))
    decoder.sample_rate = RATE_HZ
    decoder.layout = "mono"
    try:
        decoded = [part.to_ndarray() for frame in frames for part in decoder.decode(av.Packet(frame))]
    except av.FFmpegError as error:
        raise BitstreamError(f"the AMR-WB payload cannot be decoded: {error.strerror}") from error
    if not decoded:
        raise BitstreamError("the AMR-WB payload has no frames")
    samples: NDArray[np.float32] = np.concatenate(decoded, axis=1).clip(-1.0, 32767 / 32768)
    return samples
