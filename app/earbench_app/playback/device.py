"""Which outputs there are, and how to open one: PortAudio's devices, or those of a sound server.

PortAudio knows PulseAudio and PipeWire only as one ALSA device of any rate. Asking the server itself gives
the real outputs and their real rates, so that nothing is resampled behind our back. `python -m
earbench_app.playback.device` prints the list as JSON.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sounddevice as sd

from earbench_app.playback.renderer import N_CHANNELS

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK_S = 0.005
_SERVER_KEY = "pulse:"
_SERVER_DEVICES = ("pulse", "pipewire", "default")
_ANSWER_WITHIN_S = 3


@dataclass(frozen=True, slots=True)
class Output:
    """An output, with what it takes to open it.

    Parameters
    ----------
    key, name, sample_rate_hz, is_default
        As in `player.OutputDevice`.
    index : int
        Of the PortAudio device, until PortAudio is started anew.
    sink : str
        Of the sound server, or empty.
    """

    key: str
    name: str
    sample_rate_hz: int
    is_default: bool
    index: int
    sink: str = ""

    def as_json(self) -> dict[str, str | int | bool]:
        """Return what `player.OutputDevice` is made of."""
        return {
            "key": self.key,
            "name": self.name,
            "sample_rate_hz": self.sample_rate_hz,
            "is_default": self.is_default,
        }


def rescan() -> None:
    """Make PortAudio look again; it does so only when it starts. No stream may be open."""
    sd._terminate()
    sd._initialize()


def outputs() -> list[Output]:
    """List the outputs there are."""
    devices = [device for device in sd.query_devices() if device["max_output_channels"] >= N_CHANNELS]
    doors = [device for name in _SERVER_DEVICES for device in devices if device["name"] == name]
    sinks = _sinks() if doors else None
    if sinks is not None:
        return [Output(index=doors[0]["index"], **sink) for sink in sinks]
    default = sd.default.device[1]
    apis = sd.query_hostapis()
    if default < 0 and apis:
        default = apis[0]["default_output_device"]
    return [
        Output(
            key=f"{apis[device['hostapi']]['name']}:{device['name']}",
            name=device["name"],
            sample_rate_hz=round(device["default_samplerate"]),
            is_default=device["index"] == default,
            index=device["index"],
        )
        for device in devices
    ]


def chosen(found: list[Output], key: str | None) -> Output | None:
    """Return the output with that key, the default for None, or None where it is not there."""
    if key is not None:
        return next((output for output in found if output.key == key), None)
    return next((output for output in found if output.is_default), None)


def open_stream(
    output: Output,
    follow: bool,
    latency_s: float,
    callback: Callable[..., None],
    finished: Callable[[], None],
) -> sd.OutputStream:
    """Open, but do not start, an output as float32 stereo. Raises sounddevice.PortAudioError."""
    os.environ.pop("PULSE_SINK", None)
    if output.sink and not follow:
        os.environ["PULSE_SINK"] = output.sink  # read by the server's client library as it connects
    return sd.OutputStream(
        device=output.index,
        samplerate=output.sample_rate_hz,
        channels=N_CHANNELS,
        dtype="float32",
        blocksize=round(BLOCK_S * output.sample_rate_hz),
        latency=latency_s,
        clip_off=True,
        callback=callback,
        finished_callback=finished,
    )


def _sinks() -> list[dict[str, Any]] | None:
    """Ask the sound server for its outputs; None where there is no server."""
    default = _pactl("get-default-sink")
    listing = None if default is None else _pactl("list", "sinks")
    if default is None or listing is None:
        return None
    sinks = []
    for block in re.split(r"^Sink #\d+$", listing, flags=re.MULTILINE)[1:]:
        fields = dict(re.findall(r"^\t([A-Z][\w ]+): (.*)$", block, flags=re.MULTILINE))
        name = fields["Name"]
        rate = re.search(r"(\d+)Hz", fields["Sample Specification"])
        sinks.append(
            {
                "key": f"{_SERVER_KEY}{name}",
                "name": fields.get("Description", name),
                "sample_rate_hz": int(rate[1]) if rate else 48_000,
                "is_default": name == default.strip(),
                "sink": name,
            }
        )
    return sinks


def _pactl(*arguments: str) -> str | None:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["pactl", *arguments], capture_output=True, text=True, timeout=_ANSWER_WITHIN_S, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.stdout.write(json.dumps([output.as_json() for output in outputs()]))
