"""The five verbs, the one loop, and the answerers that need no network."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.ending import Inconclusive, Nonconformity, NotTested, Stale
from conformance.exchange import Exchange, Path, Request, Trouble
from conformance.flow import (
    Answer,
    Asked,
    Callback,
    Fork,
    Recording,
    Script,
    Wait,
    callback,
    drive,
    ending,
    given,
    now,
    send,
    together,
    unhurried,
    wait,
)
from conformance.verdict import Effect

READ = Request(operation="read", method="GET", target="/a")


def asks(number: int, **more: Any) -> Request:
    return Request(operation="read", method="GET", target=f"/{number}", **more)


def seen(status: int = 200, **more: Any) -> Exchange:
    return Exchange(request=READ, status=status, **more)


def test_send_gives_what_came_back() -> None:
    """An answer, whatever its status, is the check's to judge."""
    assert now(drive(send(READ), Script(seen(500)))).status == 500


@pytest.mark.parametrize("status", [429, 503])
def test_what_was_not_processed_proves_nothing(status: int) -> None:
    """429 and 503 end a check unless it says that they are evidence here."""
    with pytest.raises(Inconclusive, match=str(status)):
        now(drive(send(READ), Script(seen(status))))
    assert now(drive(send(READ, also=(status,)), Script(seen(status)))).status == status


@pytest.mark.parametrize("status", [401, 403])
def test_refused_valid_credentials_are_no_finding(status: int) -> None:
    """401 and 403 to valid credentials end a check; to other credentials they are evidence."""
    with pytest.raises(Inconclusive, match="credentials refused"):
        now(drive(send(READ), Script(seen(status))))
    assert now(drive(send(READ.with_(identity="bad")), Script(seen(status)))).status == status
    assert now(drive(send(READ, also=(401, 403)), Script(seen(status)))).status == status


def test_silence_is_given_only_to_who_asks_for_it() -> None:
    """No answer is inconclusive, save for the check that looks at silence."""
    silent = seen(0, trouble=Trouble.CLOSED)
    with pytest.raises(Inconclusive, match="GET /a: closed"):
        now(drive(send(READ), Script(silent)))
    assert now(drive(send(READ, silence=True), Script(silent))).trouble is Trouble.CLOSED


@pytest.mark.parametrize("trouble", [Trouble.OFF_ORIGIN, Trouble.NO_CREDENTIALS, Trouble.REFUSED, Trouble.GIVEN_UP])
def test_our_own_refusals_are_inconclusive(trouble: Trouble) -> None:
    """What the driver would not send is not silence of the target, even for a check that looks at silence."""
    with pytest.raises(Inconclusive, match=str(trouble)):
        now(drive(send(READ, silence=True), Script(seen(0, trouble=trouble))))


def test_what_was_not_allowed_is_not_tested() -> None:
    """A request without consent ends the check as not tested."""
    with pytest.raises(NotTested, match="needs --allow write"):
        now(drive(send(READ, silence=True), Script(seen(0, trouble=Trouble.NOT_ALLOWED, detail="needs --allow write"))))


@pytest.mark.parametrize(
    ("status", "wanted", "good"), [(201, (), True), (404, (), False), (304, (304,), True), (200, (304,), False), (429, (429,), True)]
)
def test_given_is_set_up(status: int, wanted: tuple[int, ...], good: bool) -> None:
    """A set-up that answers otherwise means that we could not look, and names the operation that is in the way."""
    if good:
        assert now(drive(given(READ, *wanted), Script(seen(status)))).status == status
        return
    with pytest.raises(Inconclusive, match="set-up") as caught:
        now(drive(given(READ, *wanted), Script(seen(status))))
    assert caught.value.needs == "read"
    assert caught.value.evidence[0].status == status


def test_wait_and_callback_are_steps() -> None:
    """Waiting and calling back pass through the same answerer, in order."""

    class Notes(Answer):
        def __init__(self) -> None:
            super().__init__()
            self.steps: list[tuple[Path, object]] = []

        async def __call__(self, at: Path, step: Asked) -> Any:
            self.steps.append((at, step))
            return seen() if isinstance(step, Callback) else None

    async def check() -> int:
        await wait(2.5)
        return (await callback("/sink", 10)).status

    notes = Notes()
    assert now(drive(check(), notes)) == 200
    assert notes.steps == [((0,), Wait(2.5)), ((1,), Callback("/sink", 10))]


def test_steps_are_known_by_their_path() -> None:
    """A path names a step whatever comes back when: branches count on their own."""

    async def branch(number: int) -> int:
        await send(asks(number))
        await send(asks(number + 1))
        return number

    async def check() -> list[int]:
        await send(asks(1))
        found = await together(branch(10), branch(20))
        await send(asks(2))
        return found

    script = Script(*[seen()] * 6)
    assert now(drive(check(), script)) == [10, 20]
    assert {at: x.request.target for at, x in script.seen.items()} == {
        (0,): "/1",
        (1, 0, 0): "/10",
        (1, 0, 1): "/11",
        (1, 1, 0): "/20",
        (1, 1, 1): "/21",
        (2,): "/2",
    }
    assert all(x.at == at for at, x in script.seen.items())


def test_together_of_nothing_asks_nothing() -> None:
    """An empty fork is no step."""
    assert now(drive(together(), Script())) == []


def test_the_first_branch_that_fails_raises_whatever_the_time() -> None:
    """Errors come out by branch order, and every branch runs to its end."""
    done = []

    async def branch(number: int, error: Exception | None) -> int:
        await send(asks(number))
        done.append(number)
        if error:
            raise error
        return number

    async def check() -> None:
        await together(branch(1, None), branch(2, Nonconformity("two", "not two")), branch(3, Inconclusive("three")))

    with pytest.raises(Nonconformity, match="two"):
        now(drive(check(), Script(*[seen()] * 3)))
    assert done == [1, 2, 3]


def test_an_exception_as_a_value_is_not_raised() -> None:
    """A branch may return an exception (see `ending`): the fork gives it back like any value."""

    async def bad() -> None:
        raise Inconclusive("we could not look")

    async def check() -> list[object]:
        return list(await together(ending(bad()), ending(send(READ))))

    first, second = now(drive(check(), Script(seen())))
    assert isinstance(first, Inconclusive)
    assert isinstance(second, Exchange)


def test_trouble_is_thrown_in_at_the_await() -> None:
    """The check can catch what the answerer raises, at the line where it awaits."""

    class Broken(Answer):
        async def __call__(self, at: Path, step: Asked) -> Any:
            raise Stale("nothing here")

    async def check() -> str:
        try:
            await send(READ)
        except Stale as error:
            return str(error)
        return "no"

    assert now(drive(check(), Broken())) == "nothing here"


def test_a_check_awaits_only_the_verbs() -> None:
    """Anything else a check suspends on is refused with a TypeError."""

    class Strange:
        def __await__(self) -> Any:
            yield "sleep"

    async def check() -> None:
        await Strange()

    with pytest.raises(TypeError, match="only send, given, wait, callback, handshake and together"):
        now(drive(check(), Script()))


def test_a_check_is_closed_when_its_driver_ends() -> None:
    """The flow is closed whatever ends the loop, so that nothing is left suspended."""
    closed = []

    class Interrupted(Answer):
        async def __call__(self, at: Path, step: Asked) -> Any:
            raise KeyboardInterrupt

    async def check() -> None:
        try:
            await send(READ)
        finally:
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        now(drive(check(), Interrupted()))
    assert closed == [True]


async def _two_reads() -> tuple[int, int]:
    first = await send(asks(1))
    await wait(1)
    second = await send(asks(2))
    return first.status, second.status


def test_a_recording_answers_by_path() -> None:
    """What was seen answers the same flow again; waiting costs nothing."""
    live = Script(seen(200), seen(404))
    assert now(drive(_two_reads(), live)) == (200, 404)
    again = Recording(dict(reversed(live.seen.items())))
    assert now(drive(_two_reads(), again)) == (200, 404)
    assert again.seen == live.seen


def test_a_recording_that_does_not_cover_is_stale() -> None:
    """A step that was never sent, or is another request now, is not tested: never a pass, never a fail."""
    live = Script(seen(200), seen(404))
    now(drive(_two_reads(), live))
    with pytest.raises(Stale, match="GET /2 was never sent"):
        now(drive(_two_reads(), Recording({(0,): live.seen[0,]})))
    changed = {**live.seen, (2,): Exchange(request=asks(3), status=200)}
    with pytest.raises(Stale, match="now sends another GET /2"):
        now(drive(_two_reads(), Recording(changed)))
    assert now(drive(_two_reads(), Recording(changed, same=lambda a, b: True))) == (200, 200)


def test_a_flow_that_suspends_cannot_run_now() -> None:
    """`now` says so where an answerer needs an event loop."""

    class Suspends(Answer):
        async def __call__(self, at: Path, step: Asked) -> Any:
            await _Pause()

    class _Pause:
        def __await__(self) -> Any:
            yield None

    with pytest.raises(RuntimeError, match="suspended"):
        now(drive(send(READ), Suspends()))


def test_a_script_that_ends_is_stale() -> None:
    """Our own tests notice a check that asks more than they foresaw."""
    with pytest.raises(Stale, match="the script ends here"):
        now(drive(_two_reads(), Script(seen())))


def test_a_fork_holds_flows() -> None:
    """The step of `together` carries its flows in order."""
    fork = Fork(flows=())
    assert fork.flows == ()


def test_unhurried_waits_after_each_accepted_write_and_nowhere_else() -> None:
    """Reads, refusals and the end need no time; what runs side by side is given it, too."""
    write = Request(operation="createNote", method="POST", target="/notes", effect=Effect.OWN)
    read = Request(operation="getNote", method="GET", target="/notes/1")
    waits: list[Path] = []

    class Server(Answer):
        async def __call__(self, at: Path, step: Request | Wait | Callback) -> Any:
            if isinstance(step, Wait):
                assert (step.seconds, step.grace) == (1.5, True)
                waits.append(at)
                return None
            assert isinstance(step, Request)
            return Exchange(request=step, status=400 if step.body else 201)

    async def pair() -> int:
        await send(write)
        return (await send(read)).status

    async def check() -> list[int]:
        await send(read)
        await send(write.with_(body=b"wrong"))
        await send(read)
        await send(write)
        found = await together(pair(), pair())
        with pytest.raises(ValueError, match="thrown in"):
            raise ValueError("thrown in")
        await send(read)
        return found

    server = Server()
    assert now(drive(unhurried(check(), 1.5), server)) == [201, 201]
    assert waits == [(4,), (5, 0, 1), (5, 1, 1), (6,)]
    assert now(drive(unhurried(check(), 1.5), Recording(server.seen))) == [201, 201]
