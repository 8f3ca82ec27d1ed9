"""A small coder without training, as a checkpoint; copies of it with other facts."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NAME, KBPS = "tiny", 16.0
CARD = "# Tiny\n\nNot trained at all.\n\n| codec | kbps |\n|---|---:|\n| **tiny** | 15.9 |\n| Opus | 16.0 |\n"

_MAKE = """
import pathlib, sys, torch
from earbench_codecs.neural.checkpoint import entropy_tables, save_checkpoint
from earbench_codecs.neural.checkpoint_info import CheckpointInfo
from earbench_codecs.neural.zoo import SIZES, build_from_json, config_to_json

torch.manual_seed(5)
options = {"channels": 6, "dilations": [1]}
coder = build_from_json("kankanahalli", config_to_json(SIZES["kankanahalli"][1]) | options).eval()
frames = coder.config.framing.split(torch.rand(16000) * 2 - 1).unsqueeze(1)
info = CheckpointInfo(
    name="tiny", title="Tiny", architecture="kankanahalli", config=config_to_json(coder.config),
    sample_rate_hz=16000, n_parameters=sum(p.numel() for p in coder.parameters()), kbps=16, card=sys.argv[2],
)
save_checkpoint(pathlib.Path(sys.argv[1]), info, coder, entropy_tables(coder, [frames]))
"""


@cache
def tiny_checkpoint() -> Path:
    """Return its file, made once, by a process of its own: that of the tests need not import torch."""
    path = Path(mkdtemp(prefix="earbench-tiny-")) / "checkpoint.safetensors"
    subprocess.run([sys.executable, "-c", _MAKE, str(path), CARD], check=True, timeout=180)
    return path


def with_facts(target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a copy whose metadata are changed in place; the tensors stay."""
    data = tiny_checkpoint().read_bytes()
    (n_header,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + n_header])
    facts = json.loads(header["__metadata__"]["earbench"])
    change(facts)
    header["__metadata__"]["earbench"] = json.dumps(facts)
    new = json.dumps(header).encode()
    new += b" " * (-len(new) % 8)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(struct.pack("<Q", len(new)) + new + data[8 + n_header :])
    return target
