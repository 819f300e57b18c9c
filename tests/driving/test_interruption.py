"""Ctrl-C, wherever it lands: what runs is ended in order, nothing begins any more, and what must come afterwards does."""

from __future__ import annotations

import asyncio
import signal

import pytest

from conformance.driving.interruption import Interruption


async def forever(done: list[str]) -> None:
    """Be told in the middle, and say what was done afterwards."""
    try:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        await asyncio.sleep(60)
    finally:
        done.append("ended in order")


async def word() -> str:
    """Come to an end."""
    return "word"


def test_in_the_middle_of_a_look() -> None:
    """It is cancelled, the next one does not begin, and clean-up runs as if nothing had been."""
    done: list[str] = []
    with asyncio.Runner() as runner, Interruption(runner) as ctrl_c:
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.run(forever(done))
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.run(word())
        assert runner.run(word()) == "word"
    assert done == ["ended in order"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_between_two_looks_nothing_is_thrown() -> None:
    """Wherever we are, no exception lands there: the next look says it."""
    with asyncio.Runner() as runner, Interruption(runner) as ctrl_c:
        assert ctrl_c.run(word()) == "word"
        signal.raise_signal(signal.SIGINT)
        assert ctrl_c.heard
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.run(word())
        assert runner.run(word()) == "word"


def test_the_second_one_does_not_wait() -> None:
    """Whoever asks twice is obeyed at once."""
    with asyncio.Runner() as runner, Interruption(runner):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert runner.run(word()) == "word"


def test_whoever_else_hears_it_is_left_alone() -> None:
    """A program around us that has a handler of its own keeps it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with asyncio.Runner() as runner, Interruption(runner) as ctrl_c:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert ctrl_c.run(word()) == "word"
    finally:
        signal.signal(signal.SIGINT, before)
