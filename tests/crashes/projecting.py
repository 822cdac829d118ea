"""What a process does that is to be killed: it projects an office."""

import threading

from api.bootstrap import open_greffier


def project(settings, work, ready):
    """Follows the log, or rebuilds every view again and again, until it is killed; tells when it begins."""
    with open_greffier(settings) as office:
        if work == "follow":
            ready.send("ready")
            office.engine.run(threading.Event(), poll_seconds=0.01)
        with office.views.lock() as held:
            assert held
            office.engine.open()
            ready.send("ready")
            while True:
                office.engine.rebuild([view.name for view in office.engine.status()])
