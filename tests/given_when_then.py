"""Specifications of the domain: `given(facts).when(command).then(events)`, over the handlers that the office runs."""

from collections import defaultdict
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from domain.aggregates import NotFound
from domain.commands import Streams, handlers


class InMemoryStreams(Streams):
    """Streams in memory: ids derive plainly from their values, and every series of numbers begins at 1."""

    def __init__(self):
        self.events = defaultdict(list)
        self.appended = {}
        self.warnings = []
        self._last_numbers = defaultdict(int)

    def find(self, aggregate, stream_id):
        events = self.events[stream_id] + self.appended.get(stream_id, [])
        if not all(isinstance(event, aggregate.event_type) for event in events):
            raise NotFound(kind=aggregate.kind, id=stream_id)
        return aggregate(id=stream_id).after(events)

    def save(self, state, events):
        if events:
            assert state.version == len(self.events[state.id]) + len(self.appended.get(state.id, []))
            self.appended.setdefault(state.id, []).extend(events)
        return state.after(events)

    def keyed_id(self, kind, value):
        return keyed_id(kind, value)

    def next_number(self, series):
        self._last_numbers[series] += 1
        return self._last_numbers[series]

    def warn(self, warning):
        self.warnings.append(warning)


def keyed_id(kind, value) -> UUID:
    return uuid5(NAMESPACE_URL, f"{kind}\0{value}")


def given(stream_id=None, *events):
    """What happened before, a stream at a time: `given(a, ...).and_given(b, ...)`; `given()` is an empty log."""
    return Given().and_given(stream_id, *events)


class Given:
    def __init__(self):
        self._streams = InMemoryStreams()

    def and_given(self, stream_id, *events):
        if stream_id is not None:
            self._streams.events[stream_id].extend(events)
        return self

    def and_done(self, *commands):
        """What was asked before, and came to pass."""
        for command in commands:
            handlers()[type(command)](command, self._streams)
            for stream_id, events in self._streams.appended.items():
                self._streams.events[stream_id].extend(events)
            self._streams.appended = {}
        return self

    def when(self, command):
        return When(self._streams, command)


class When:
    def __init__(self, streams, command):
        self._streams = streams
        self._command = command

    def then(self, expected, *warnings):
        """Exactly these events were decided: a list for each stream that gets any; and this was warned of.

        Gives what the handler does.
        """
        answer = self._handled()
        assert self._streams.appended == expected
        assert self._streams.warnings == list(warnings)
        return answer

    def then_nothing(self):
        return self.then({})

    def then_raises(self, refusal, **facts):
        """The command is refused by exactly this type, with these facts, and a sentence to tell it; and says that it may."""
        with pytest.raises(refusal) as raised:
            self._handled()
        assert type(raised.value) is refusal
        assert refusal in {NotFound, *self._command.refuses}
        assert raised.value.facts() == facts
        assert str(raised.value)

    def answered(self):
        """What the command answers, whatever was decided."""
        return self._handled()

    def _handled(self):
        self._streams.appended, self._streams.warnings = {}, []
        return handlers()[type(self._command)](self._command, self._streams)
