"""The code values of a version, counted in a worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.audition.making import load_clip
from earbench_codecs.codes import ShowsCodes, code_histogram

if TYPE_CHECKING:
    from earbench_app.audition.making import VersionJob
    from earbench_codecs.codes import CodeHistogram


def count_codes(job: VersionJob) -> CodeHistogram | None:
    """Encode a clip as the version was and count the codes a decoder reads; None where a codec shows none.

    Raises
    ------
    CodecError
        The file cannot be read, or the codec refuses or fails.
    """
    coder = job.coder()
    if not isinstance(coder, ShowsCodes):
        return None
    return code_histogram(coder, coder.encode(load_clip(job.path, job.clip_sha256), job.setting))
