"""Which device a job gets, and what is known of GPUs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from earbench_app.jobs import gpu
from earbench_app.jobs.devices import Places, gpu_numbers
from earbench_app.jobs.gpu import Gpu, GpuReader, visible
from earbench_app.jobs.job import Job, JobError, State, TrainRequest


def a_gpu(index, used_mb=500):
    return Gpu(index, f"GPU-{index:04x}-aa", "a GPU", used_mb, 8000)


def a_job(device="auto", n_processes=1):
    request = TrainRequest("a", "", Path("data"), device, n_processes)
    return Job("1", Path("1"), request)


def test_without_a_gpu_jobs_go_to_the_cpu_as_many_as_are_allowed():
    places = Places([], 2, ["cpu"])
    assert [places.take(a_job()) for _ in range(3)] == ["cpu", None, None]


def test_each_job_has_a_gpu_of_its_own():
    places = Places([a_gpu(0), a_gpu(1), a_gpu(2)], 1, ["cuda:1", "cpu"])
    assert [places.take(a_job()) for _ in range(3)] == ["cuda:0", "cuda:2", None]
    assert places.take(a_job("cpu")) is None


def test_a_gpu_that_others_fill_is_not_free():
    places = Places([a_gpu(0, used_mb=7000), a_gpu(1)], 1, [])
    assert [places.take(a_job()), places.take(a_job())] == ["cuda:1", None]


def test_one_gpu_can_be_asked_for():
    places = Places([a_gpu(0), a_gpu(1)], 1, [])
    assert places.take(a_job("cuda:1")) == "cuda:1"
    assert places.take(a_job("cuda:1")) is None
    assert places.take(a_job("cuda")) == "cuda:0"


def test_several_processes_get_so_many_gpus_and_are_not_overtaken_for_ever():
    gpus = [a_gpu(0), a_gpu(1), a_gpu(2)]
    assert Places(gpus, 1, []).take(a_job(n_processes=2)) == "cuda:0,1"
    places = Places(gpus, 1, ["cuda:0,2"])
    assert places.take(a_job(n_processes=2)) is None
    assert places.take(a_job()) is None  # it waits behind, or the first would never have two


@pytest.mark.parametrize(
    ("gpus", "job", "message"),
    [
        ([], a_job("cuda"), "no GPU here that torch can use"),
        ([], a_job("cuda:0"), "no GPU 0 here"),
        ([a_gpu(0)], a_job("cuda:1"), "no GPU 1 here"),
        ([a_gpu(0)], a_job(n_processes=2), "2 processes need a GPU each, and there are 1 GPU;"),
        ([a_gpu(0), a_gpu(1)], a_job("cuda:1", 2), "2 processes need"),
    ],
)
def test_what_the_machine_does_not_have_is_refused(gpus, job, message):
    with pytest.raises(JobError, match=message):
        Places(gpus, 1, []).take(job)


def test_numbers_of_a_device():
    assert [gpu_numbers(d) for d in ("cpu", "auto", "cuda", "cuda:3", "cuda:0,2")] == [
        [],
        [],
        [],
        [3],
        [0, 2],
    ]


def test_what_is_hidden_from_the_program_is_hidden_from_its_jobs():
    gpus = [a_gpu(0), a_gpu(1), a_gpu(16)]
    assert visible(gpus, None) == tuple(gpus)
    assert visible(gpus, "") == ()
    assert visible(gpus, "1") == (gpus[1],)
    assert visible(gpus, "GPU-0010, 0") == (gpus[0], gpus[2])


def test_without_a_driver_there_are_no_gpus(monkeypatch):
    import pynvml

    def absent():
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", absent)
    assert GpuReader().read() == ()


def test_what_a_driver_tells_and_what_it_does_not(monkeypatch):
    class NVMLError(Exception):
        pass

    def refused(*_):
        raise NVMLError

    driver = SimpleNamespace(
        NVMLError=NVMLError,
        NVML_TEMPERATURE_GPU=0,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=3 << 30, total=8 << 30),
        nvmlDeviceGetUUID=lambda _: "GPU-1",
        nvmlDeviceGetName=lambda _: "X",
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=87),
        nvmlDeviceGetTemperature=lambda _handle, _sensor: 61,
        nvmlDeviceGetPowerUsage=refused,
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert GpuReader().read() == (Gpu(0, "GPU-1", "X", 3072, 8192, 87, 61, None),)
    driver.nvmlDeviceGetCount = refused  # the driver was unloaded
    assert GpuReader().read() == ()


@pytest.mark.slow  # torch
def test_whether_torch_has_cuda_is_known_without_importing_it():
    import torch

    assert gpu.torch_has_cuda() == (torch.version.cuda is not None)


def test_a_job_sees_its_gpu_alone(boards):
    board = boards.new(read_gpus=lambda: (a_gpu(0), a_gpu(1)))
    first = boards.started(board, "wait", device="cuda:0")
    second = board.submit(boards.request("chatter"))
    done = boards.settle(board, second.id, State.DONE)
    assert (first.device, done.device) == ("cuda:0", "cuda:1")
    assert "GPU-0001-aa " in done.log.read_text()


def test_a_job_for_a_gpu_that_is_not_there_fails_and_says_so(boards, board):
    job = board.submit(boards.request("wait", device="cuda"))
    assert boards.settle(board, job.id, State.FAILED).message.startswith("there is no GPU here")
