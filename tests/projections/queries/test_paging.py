from base64 import urlsafe_b64encode
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import storable
from projections.queries.paging import BadCursor, decode_cursor, encode_cursor, page_of


@given(st.text().map(storable), st.integers(1 - 2**63, 2**63 - 1), st.uuids())
def test_a_cursor_says_what_was_put_in(name, number, item_id):
    cursor = encode_cursor(name, number, item_id)
    assert decode_cursor(cursor, str, int, UUID) == [name, number, item_id]
    assert cursor.isascii()
    assert "=" not in cursor


def raw(text):
    return urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    ["", "é", "a", "====", "\0"]
    + [raw(text) for text in ("{}", '"x"', "[]", "[true]", "[1.5]", '["1"]', "[1, 2]", "[null]", "[1e400]")]
    + [raw(f"[{number}]") for number in (2**63, 2**64 - 1, 2**70, -(2**64))],
)
def test_what_is_no_cursor_of_this_list_is_refused(cursor):
    with pytest.raises(BadCursor):
        decode_cursor(cursor, int)


@given(st.text(), st.sampled_from([(int,), (str,), (str, int), (str, UUID)]))
def test_no_text_does_worse_than_be_refused(cursor, types):
    with suppress(BadCursor):
        assert len(decode_cursor(cursor, *types)) == len(types)


@pytest.mark.parametrize(
    ("rows", "kept", "cursor"), [([], [], None), ([1], [1], None), ([1, 2], [1, 2], None), ([1, 2, 3], [1, 2], 2)]
)
def test_a_page_knows_whether_more_follow(rows, kept, cursor):
    assert page_of(rows, 2, lambda row: row) == (kept, cursor)
