"""The office's collaborators: who acts, and to whom tickets are assigned."""

from typing import Final

from api.operations import Operations
from projections import collaborators

operation: Final = Operations("collaborators")

operation.lists("/collaborators", "The collaborators", collaborators.everyone)
