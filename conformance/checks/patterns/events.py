"""What a delivery to our sink says: a CloudEvent in structured or binary mode, or plain JSON, read as one value.

Source: CloudEvents 1.0.2, HTTP protocol binding, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from conformance.checks.expect import same_value
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange
from conformance.profile import Callbacks
from conformance.requirement import pick
from conformance.wire import header

#: What every CloudEvent has (CloudEvents 1.0.2, section 3.1).
REQUIRED = ("id", "source", "specversion", "type")
STRUCTURED = "application/cloudevents"
BATCH = "application/cloudevents-batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A delivery as it can be read: `value` is the CloudEvent with its `data` inside, or the body; None where neither can be read.

    `troubles` are what is wrong with how it was sent, each in a few words; those of `carriage` are about its media type and mode.
    """

    delivery: Exchange
    mode: str
    value: Any
    troubles: tuple[str, ...] = ()
    carriage: tuple[str, ...] = ()

    @property
    def arrived_s(self) -> float:
        """When it came, in seconds since the run began."""
        return self.delivery.started_s

    @property
    def identity(self) -> tuple[str, str] | None:
        """Source and id, by which a CloudEvent is told from others; None where it has none."""
        found = [next(iter(pick(self.value, place)), None) for place in ("/source", "/id")]
        return (str(found[0]), str(found[1])) if None not in found else None

    def says(self, wanted: Mapping[str, Any]) -> bool:
        """Tell whether it has each value of *wanted* (pointer -> a value, or a list of which it has one)."""
        return all(any(same_value(v, w) for v in pick(self.value, place) for w in _options(value)) for place, value in wanted.items())


def _options(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def read_event(delivery: Exchange, bound: Callbacks, *, several: bool = False) -> Event:
    """Return what *delivery* says, read as leniently as it can be; what was wrong with it is told in `troubles`.

    Args:
        several: whether the body may be an array of events, each of which has what a CloudEvent has.
    """
    asked = delivery.request
    sent = header(asked.headers, "content-type") or ""
    media = sent.split(";")[0].strip().lower()
    event = Event(delivery=delivery, mode="json", value=None)
    if bound.format == "cloudevents":
        if media.startswith(BATCH):
            return _carried(replace(event, mode="batched"), "the batched mode, which nobody asked for")
        if media.startswith(STRUCTURED):
            event = _with_body(replace(event, mode="structured"))
        elif header(asked.headers, "ce-specversion") is not None or header(asked.headers, "ce-type") is not None:
            event = _binary(event, sent)
        else:
            event = _with_body(_carried(replace(event, mode="structured"), f"the media type {media or 'none'}, and no ce- headers"))
        if event.mode not in bound.modes:
            event = _carried(event, f"the {event.mode} mode")
        values = event.value if several and isinstance(event.value, list) else [event.value]
        lacking = [name for name in REQUIRED if not all(isinstance(v, Mapping) and v.get(name) for v in values)]
        if lacking:
            event = replace(event, troubles=(*event.troubles, f"no {', '.join(lacking)}"))
    else:
        event = _with_body(event)
    if bound.media and event.mode != "binary" and media not in bound.media:
        event = _carried(event, f"the media type {media or 'none'}")
    if asked.method != "POST":
        event = replace(event, troubles=(*event.troubles, f"the method {asked.method}"))
    return replace(event, troubles=tuple(dict.fromkeys(event.troubles)))


def _carried(event: Event, trouble: str) -> Event:
    """Return *event* with a trouble of its media type or mode."""
    return replace(event, troubles=(*event.troubles, trouble), carriage=(*event.carriage, trouble))


def _with_body(event: Event) -> Event:
    """Read the body as JSON."""
    asked = event.delivery.request
    try:
        return replace(event, value=replace(event.delivery, body=asked.body, headers=asked.headers).json())
    except (Nonconformity, Inconclusive) as error:
        return replace(event, troubles=(*event.troubles, f"a body that cannot be read: {error}"))


def _binary(event: Event, media: str) -> Event:
    """Read attributes off the ce- headers (percent-decoded once) and the data off the body."""
    attributes: dict[str, Any] = {}
    troubles: list[str] = []
    for name, value in event.delivery.request.headers:
        if name.lower().startswith("ce-"):
            text = value[1:-1].replace('\\"', '"').replace("\\\\", "\\") if value[:1] == '"' == value[-1:] and len(value) > 1 else value
            try:
                attributes[name.lower().removeprefix("ce-")] = unquote(text, errors="strict")
            except UnicodeDecodeError:
                troubles.append(f"{name} is not percent-encoded UTF-8")
    if "datacontenttype" in attributes:
        troubles.append("ce-datacontenttype beside Content-Type")
    if media:
        attributes["datacontenttype"] = media
    read = _with_body(event) if "json" in media.lower() else event
    if event.delivery.request.body and "json" in media.lower():
        attributes["data"] = read.value
    bad = read.troubles if event.delivery.request.body else event.troubles
    return replace(event, mode="binary", value=attributes, troubles=(*bad, *troubles))
