"""An invented office and a month of its mail, to try the program on and to test it with.

Nobody here exists: addresses are of reserved domains, telephone numbers of ranges kept for fiction, and number plates
hold letters that plates never do.
"""

from adapters.demo_office.furnishing import AnotherOffice, furnish
from adapters.demo_office.mailbox import demo_messages, write_mbox
from adapters.demo_office.people import (
    DemoCollaborator,
    DemoContract,
    DemoDossier,
    DemoOffice,
    demo_office,
    personal_values,
)

__all__ = [
    "AnotherOffice",
    "DemoCollaborator",
    "DemoContract",
    "DemoDossier",
    "DemoOffice",
    "demo_messages",
    "demo_office",
    "furnish",
    "personal_values",
    "write_mbox",
]
