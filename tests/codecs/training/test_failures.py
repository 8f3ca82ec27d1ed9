"""What a run says when something fails it: of what kind, and what is left intact."""

from __future__ import annotations

import errno
import io
import json
import shutil

import pytest

from earbench_codecs.training import corpus as corpus_module
from earbench_codecs.training.corpus import open_corpus
from earbench_codecs.training.errors import CorpusError, FullMemoryError, RunFolderError, full_memory_told
from earbench_codecs.training.events import EventLog
from earbench_codecs.training.recipe import DataTable


class Gone(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_run_whose_reader_has_gone_goes_on_writing_its_file(tmp_path):
    log = EventLog(tmp_path / "events.jsonl", Gone())
    log("progress", step=1)
    log("progress", step=2)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_that_it_failed_is_told_though_the_file_cannot_be_written(tmp_path):
    stream = io.StringIO()
    log = EventLog(tmp_path / "missing" / "events.jsonl", stream)
    with pytest.raises(RunFolderError, match="cannot be written"):
        log("failed", message="x", kind="disk")
    assert json.loads(stream.getvalue())["kind"] == "disk"


def test_a_full_disk_is_a_kind_of_its_own():
    assert RunFolderError("x", errno.ENOSPC).kind == "disk"
    assert RunFolderError("x", errno.EACCES).kind == "run"
    assert CorpusError("x", errno.EDQUOT).kind == "disk"
    assert CorpusError("x").kind == "corpus"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 4.00 GiB for an array"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory\nmore"),
        RuntimeError("can't start new thread"),
        RuntimeError("could not create a primitive"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_all_that_a_lack_of_memory_raises_becomes_one_error(error):
    with (
        pytest.raises(FullMemoryError, match=r"memory ran out.*lower optimiser.batch") as raised,
        full_memory_told(),
    ):
        raise error
    assert raised.value.kind == "memory"
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shapes differ"),
        RuntimeError("could not create a primitive descriptor for a convolution"),
        OSError(errno.ENOENT, "No such file"),
    ],
)
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised, full_memory_told():
        raise error
    assert raised.value is error


def test_a_corpus_that_goes_away_while_it_is_read_is_no_smaller_corpus(corpus_folder, tmp_path, monkeypatch):
    """Nor does the cache remember it as one: put back, it is whole."""
    folder = tmp_path / "corpus"
    shutil.copytree(corpus_folder, folder)
    read, n_read = corpus_module.read_clip, []

    def read_and_delete(path):
        n_read.append(path)
        if len(n_read) == 3:
            shutil.rmtree(folder)
        return read(path)

    monkeypatch.setattr(corpus_module, "read_clip", read_and_delete)
    with pytest.raises(CorpusError, match="has gone while the corpus was read; put it back"):
        open_corpus(folder, DataTable(), 8000, tmp_path / "cache", n_workers=1)
    monkeypatch.undo()
    shutil.copytree(corpus_folder, folder)
    mended = open_corpus(folder, DataTable(), 8000, tmp_path / "cache", n_workers=1)
    assert len(mended.recordings) == 12
    assert mended.skipped == ()
