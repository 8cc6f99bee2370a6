"""Around every call: an id, a key, a deadline, a status, and one telling of what became of it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NamedTuple, NoReturn, TypeAlias

from google.protobuf.message import Message
from grpc import StatusCode

from app import errors
from app.errors import BodyTooLarge, NextdayError, TooLate
from app.grpc.call_slots import CallSlots
from app.grpc.coalescing import CallCoalescer
from app.grpc.message_reader import Context, MessageReader
from app.observability import request_record
from app.observability.request_record import UNKNOWN, Headers, RequestRecord
from app.serving.app_state import AppState
from app.serving.body_budget import Reservation
from app.transport import problem_details

_log = logging.getLogger(__name__)

CODES: Final[dict[type[NextdayError], StatusCode]] = {
    errors.BadRequest: StatusCode.INVALID_ARGUMENT,
    errors.BodyTooSlow: StatusCode.DEADLINE_EXCEEDED,
    errors.Unauthorized: StatusCode.UNAUTHENTICATED,
    errors.RateLimited: StatusCode.RESOURCE_EXHAUSTED,
    errors.BadInput: StatusCode.INVALID_ARGUMENT,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.Abandoned: StatusCode.CANCELLED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.TooBusy: StatusCode.RESOURCE_EXHAUSTED,
    errors.TooLate: StatusCode.DEADLINE_EXCEEDED,
}

OPEN: Final = {"ServerLive", "ServerReady"}
"""Methods that need no key, as their paths over HTTP, and whose message says nothing."""
FORECASTS: Final = {"ModelInfer"}
"""Methods that wait for room before their message is read."""
_MOST_BYTES: Final = 2**16
"""Of a message to any other method: it holds two names. Parsed, it can take forty times as much."""

_OK: Final = 200
_GONE: Final = 499
"""Statuses are told as HTTP has them, whichever protocol a request came by."""
_NOT_FOUND: Final = 404

_REQUEST_ID: Final = request_record.REQUEST_ID.decode()
_CODE: Final = "nextday-code"
"""What was wrong, in one word, beside the message for people."""
_MOST_DETAILS: Final = 400
READS_S: Final = 0.5
"""That a call stays after its answer, where the server ends: longer than an answer takes."""
_UNEXPECTED: Final = "the request could not be answered; the server's log says why"


class Call(NamedTuple):
    """What came with a message."""

    record: RequestRecord
    headers: Headers
    """Its metadata, as HTTP has them."""
    is_one_of_many: bool
    """Whether it came while another call was under way."""
    room: Reservation
    """The memory of its message and its answer."""


Method: TypeAlias = Callable[[Call, bytes], Awaitable[Message]]
"""Answers a message; raises what is wrong with it."""

Answering: TypeAlias = Callable[[AsyncIterator[bytes], Context], Awaitable[None]]
"""Answers a call, as gRPC has it."""


class Shared(NamedTuple):
    """What the calls of all methods share."""

    coalescer: CallCoalescer
    slots: CallSlots
    reader: MessageReader


class CallInterceptor:
    """
    Lets calls of one method in, gives each so long, and tells of it.

    To gRPC it is a method whose caller streams and who is streamed to, which to the caller is the
    same: so the key is looked at before the message is read, a message is not waited for without
    end, and a server that ends can give an answer before it ends the call.

    Whoever has no key is answered or refused at once, and holds nothing.
    """

    def __init__(self, state: AppState, name: str, method: Method, shared: Shared) -> None:
        """Answer by the method of that name."""
        self._state = state
        self._shared = shared
        self._route = f"grpc {name}"
        self._method = method
        self._is_open = name in OPEN
        self._forecasts = name in FORECASTS

    async def answer(self, _: AsyncIterator[bytes], context: Context) -> None:
        """Answer a call."""
        headers = _headers(context)
        request = request_record.begin(self._route, headers)
        context.set_trailing_metadata(((_REQUEST_ID, request.id),))
        # until the answer has been taken: who does not read it holds his own slots, and no others
        with contextlib.ExitStack() as held:
            try:
                with self._shared.coalescer.call() as is_one_of_many:
                    room = held.enter_context(self._state["bodies"].reserve())
                    call = Call(request, headers, is_one_of_many, room)
                    answer = await self._recorded(call, context, held)
            except Exception as error:  # noqa: BLE001 - the caller gets a status, the log the reason
                await _abort(context, request, error)
            await context.write(answer)
        if self._shared.coalescer.is_last:
            # gRPC closes a connection with its last call, and what the caller has not read by then
            # is lost
            await asyncio.sleep(READS_S)

    async def _recorded(self, call: Call, context: Context, held: contextlib.ExitStack) -> bytes:
        status = _GONE
        try:
            if self._is_open:
                answer = await self._method(call, b"")
            else:
                answer = await self._answer(call, context, held)
            written = answer.SerializeToString()
        except Exception as error:
            kind = problem_details.kind_of(error)
            status, call.record.code = kind.status, kind.code
            raise
        else:
            status = _OK
            return written
        finally:
            self._state["recorders"].record(call.record, status)

    async def _answer(self, call: Call, context: Context, held: contextlib.ExitStack) -> Message:
        state = self._state
        key = call.record.caller = state["access"].admit(call.headers)
        # without keys a caller is a connection
        caller = key or context.peer()
        held.enter_context(self._shared.slots.hold(caller))
        if self._forecasts:
            state["pipeline"].admit()
        try:
            async with asyncio.timeout(state["settings"].deadline_seconds):
                message = await self._shared.reader.read(context, caller)
                if len(message) > _MOST_BYTES and not self._forecasts:
                    raise BodyTooLarge(_MOST_BYTES)
                call.room.grow_to(len(message))
                return await self._method(call, message)
        except TimeoutError:
            raise TooLate from None


async def refuse_unknown(state: AppState, _: AsyncIterator[bytes], context: Context) -> None:
    """Refuse a call of a method that is not there, and tell of it; its message is not read."""
    call = request_record.begin(UNKNOWN, _headers(context))
    call.code = "not_found"
    state["recorders"].record(call, _NOT_FOUND)
    trailing = ((_REQUEST_ID, call.id),)
    await context.abort(StatusCode.UNIMPLEMENTED, "there is no such method", trailing)


async def _abort(context: Context, request: RequestRecord, error: Exception) -> NoReturn:
    if isinstance(error, NextdayError):
        details = str(error)[:_MOST_DETAILS]
    else:
        _log.error("an error of ours, at %s", request.route, exc_info=error)
        details = _UNEXPECTED
    code = next((CODES[cls] for cls in type(error).__mro__ if cls in CODES), StatusCode.INTERNAL)
    trailing = ((_REQUEST_ID, request.id), (_CODE, request.code or ""))
    await context.abort(code, details, trailing)


def _headers(context: Context) -> Headers:
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in context.invocation_metadata() or ()
    ]
