"""What a run says for people, on a stream that may break."""

from __future__ import annotations

import io
import math
import re

from earbench_codecs.training.log_lines import LogLines

CORPUS = {
    "training_s": 720.0,
    "validation_s": 30.0,
    "training_files": 1100,
    "validation_files": 1,
    "skipped": [["b.wav", "it is empty"]],
}
STARTED = {"size": "tiny", "device": "cpu", "step": 0, "n_steps": 4000, "corpus": CORPUS}
VALIDATION = {"epoch": 2, "step": 1500, "kbps": 24.06, "target_kbps": 24.0}


def test_a_healthy_run_is_told_from_start_to_end() -> None:
    stream = io.StringIO()
    tell = LogLines(stream)
    tell("decoding", done=1, total=2)
    tell("started", **STARTED)
    tell("progress", loss=3.14159)
    tell("validation", **VALIDATION, metrics={"sdr_db": 12.3456, "pesq_wb": None})
    tell("checkpoint", kind="last")
    tell("validation", epoch=3, step=2000, kbps=math.nan, target_kbps=None, metrics={"pesq_wb": 3.5})
    tell("stopped", step=2001, reason="asked to stop")
    tell("finished", step=4000, reason="finished")
    lines = stream.getvalue().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in lines)
    assert [line[21:] for line in lines] == [
        "started tiny on cpu at step 0 of 4,000",
        "trains on 12.0 min in 1,100 files",
        "holds out 0.5 min in 1 file",
        "leaves out b.wav: it is empty",
        "epoch 2, step 1,500: loss 3.142, 24.1 of 24 kbps, SDR 12.35",
        "epoch 3, step 2,000: loss 3.142, PESQ-WB 3.50",
        "stopped at step 2,001: asked to stop",
        "finished at step 4,000",
    ]


def test_a_stream_that_nobody_reads_stops_no_run() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    tell = LogLines(Broken())
    tell("started", **STARTED)
    tell("finished", step=4000, reason="finished")
