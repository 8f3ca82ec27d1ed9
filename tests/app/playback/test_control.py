"""The shared memory between interface and audio process."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from earbench_app.playback.control import N_BLOCKS, N_COMMANDS, Block, Control, Op

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def control() -> Iterator[Control]:
    control = Control()
    yield control
    control.close()


def block(number: int) -> Block:
    return Block(
        100 + number, number / 7, advancing=number % 2 == 0, playing=number % 3 == 0, n_handled=number
    )


def test_commands_arrive_in_order_and_once(control: Control) -> None:
    assert control.receive() is None
    assert control.send(Op.SEEK, 1.25) == 1
    assert control.send(Op.LOAD, 3, 12, 10.5) == 2
    assert control.receive() == (Op.SEEK, 1.25, 0, 0)
    assert control.receive() == (Op.LOAD, 3, 12, 10.5)
    assert control.receive() is None
    assert (control.n_sent, control.n_handled) == (2, 2)


def test_a_full_ring_refuses_and_works_on_once_read(control: Control) -> None:
    for k in range(N_COMMANDS):
        assert control.send(Op.SELECT, k) == k + 1
    assert control.send(Op.PLAY) is None
    assert control.receive() == (Op.SELECT, 0, 0, 0)
    assert control.send(Op.PLAY) == N_COMMANDS + 1
    control.forget_commands()
    assert control.receive() is None


def test_a_half_written_slot_is_not_read(control: Control) -> None:
    control.send(Op.SEEK, 1.5)
    control._commands[0, 2] = 7
    assert control.receive() is None
    control._commands[0, 2] = 1.5
    assert control.receive() == (Op.SEEK, 1.5, 0, 0)


@pytest.mark.parametrize("n_blocks", [1, 5, N_BLOCKS - 1, N_BLOCKS + 1, 3 * N_BLOCKS + 17])
def test_heard_is_the_last_block_that_has_begun(control: Control, n_blocks: int) -> None:
    assert control.heard(0) is None
    for number in range(1, n_blocks + 1):
        control.publish(block(number))
    assert control.heard(1e9) == block(n_blocks)
    middle = max(1, n_blocks - 20)
    assert control.heard(100 + middle + 0.5) == block(middle)


CHILD = """
import sys
from earbench_app.playback.control import Block, Control
control = Control(sys.argv[1])
print(*control.receive())
control.publish(Block(1, 2, True, False, control.n_handled))
control.count_underrun()
"""


def test_another_process_joins(control: Control) -> None:
    control.send(Op.SET_LOOP, 0.5, 1.5)
    fds = () if control.fd is None else (control.fd,)
    argv = [sys.executable, "-c", CHILD, control.handle]
    said = subprocess.check_output(argv, pass_fds=fds, text=True)
    assert said.split() == ["7", "0.5", "1.5", "0.0"]
    assert control.heard(5) == Block(1, 2, True, False, 1)
    assert control.n_underruns == 1
