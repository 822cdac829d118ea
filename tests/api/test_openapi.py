"""The document is true: whatever is asked of the demonstration office, nothing is answered that isn't documented."""

from hypothesis import settings

from tests.api.document import documented
from tests.soak import times


@documented.parametrize()
@settings(max_examples=times(8, soak=100), derandomize=True, database=None)
def test_whatever_is_asked_the_answer_is_documented(case, signed_in, real):
    real.put_into(case)
    # A case without any token is one that asks what happens then.
    case.call_and_validate(headers=signed_in if "Authorization" in case.headers else None)
