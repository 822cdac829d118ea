import json
import struct

import pytest
from eventsourcing.persistence import StoredEvent

from adapters.vault import seal


@pytest.fixture(scope="session")
def frame():
    """An event's stored bytes, put together from their description in `adapters/event_store/mapper.py`."""

    def build(topic, class_version, facts, *, stream_id, version=1, personal=None, key=None, frame_format=1):
        context, plain = b"{}", json.dumps(facts).encode()
        sealed = b""
        if key is not None:
            key_id, cipher = key
            bound_to = stream_id.bytes + version.to_bytes(8)
            sealed = struct.pack(">q", key_id) + seal(cipher, json.dumps(personal).encode(), bound_to)
        head = struct.pack(">BHII", frame_format, class_version, len(context), len(plain))
        return StoredEvent(stream_id, version, topic, head + context + plain + sealed)

    return build
