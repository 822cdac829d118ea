"""An office asked over HTTP: the real application, in process."""

from contextlib import contextmanager

import httpx
from anyio.from_thread import start_blocking_portal

from adapters.staff import COMMAND_LINE, welcome
from api.app import create_app
from api.bootstrap import create_office, open_greffier
from api.settings import Settings
from domain.office.office import CollaboratorIdentity, OpenOffice
from tests.api.letters import letter

COLLABORATOR = CollaboratorIdentity(first_name="Alice", last_name="Martin", email_address="alice@office.example")


class InProcess(httpx.BaseTransport):
    """Sends requests to an application on an event loop that runs in another thread."""

    def __init__(self, app, portal):
        self._asgi = httpx.ASGITransport(app=app)
        self._portal = portal

    def handle_request(self, request):
        return self._portal.call(self._answer, request)

    async def _answer(self, request):
        answer = await self._asgi.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread(), request=request)


class Api(httpx.Client):
    """A client signed in as a collaborator. It reads its own writes: `read` asks for the position that `do` was told."""

    def __init__(self, app, portal, token):
        super().__init__(
            transport=InProcess(app, portal),
            base_url="http://greffier",
            headers={"Authorization": f"Bearer {token}"},
        )
        self.position = 0

    def do(self, path, json=None, *, method="POST", **more):
        """Gives a command that succeeds, and answers what it answered."""
        answer = self.request(method, path, json=json, **more)
        assert answer.is_success, answer.text
        self.position = max(self.position, answer.json()["position"])
        return answer.json()

    def read(self, path, **parameters):
        """Reads what the last command left."""
        answer = self.get(path, params={"min_position": self.position, **parameters})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send_in(self, raw):
        return self.post("/messages", content=raw, headers={"Content-Type": "message/rfc822"})

    def receive(self, raw):
        """Takes in a message that becomes a ticket: its id."""
        answer = self.send_in(raw)
        assert answer.status_code == 201, answer.text
        self.position = max(self.position, answer.json()["position"])
        return answer.json()["ticket_id"]

    def receive_from(self, address, **more):
        return self.receive(letter(address, **more))

    def register(self, last_name, *addresses, **more):
        """Opens a dossier: its id."""
        identity = {"kind": "person", "last_name": last_name}
        body = {"identity": identity, "email_addresses": addresses, **more}
        return self.do("/clients", body)["id"]

    def register_contract(self, client_id, policy_number, **more):
        return self.do(f"/clients/{client_id}/contracts", {"policy_number": policy_number, **more})["id"]

    def open_claim(self, contract_id, **more):
        return self.do(f"/contracts/{contract_id}/claims", more)["id"]

    def register_company(self, name, role="insurer"):
        return self.do("/companies", {"name": name, "role": role})["id"]

    def register_contact(self, last_name, company_id=None):
        return self.do("/contacts", {"identity": {"last_name": last_name}, "company_id": company_id})["id"]

    def file(self, ticket_id, file_id, kind="client", **more):
        return self.do(f"/tickets/{ticket_id}/file", {"on": {"kind": kind, "id": file_id}, **more})

    def attachment_of(self, ticket_id, message=-1):
        """Where the attachment of a ticket's message is: of the last one, if not said."""
        mail = self.read(f"/tickets/{ticket_id}/messages")["items"][message]
        return {"ticket_id": ticket_id, "mail_id": mail["mail_id"], "part": mail["attachments"][0]["part"]}

    def index(self, attachment, file_id, document_type, kind="client", **more):
        """Makes an attachment a document of a file: its id."""
        path = "/tickets/{ticket_id}/messages/{mail_id}/attachments/{part}/index".format(**attachment)
        body = {"document_type": document_type, "on": {"kind": kind, "id": file_id}, **more}
        return self.do(path, body)["id"]

    def documents_of(self, file_id, kind="clients"):
        return [line["document_id"] for line in self.read(f"/{kind}/{file_id}/documents")["items"]]

    def ticket(self, ticket_id):
        return self.read(f"/tickets/{ticket_id}")

    def tickets_of(self, file_id, kind="clients"):
        return [line["ticket_id"] for line in self.read(f"/{kind}/{file_id}/tickets")["items"]]

    def addresses_of(self, file_id, kind="clients"):
        """The file's addresses, and their ids."""
        found = self.read(f"/{kind}/{file_id}")["email_addresses"]
        return {owned["address"]: owned["address_id"] for owned in found}


@contextmanager
def serving(greffier):
    """A client of this office's application, for as long as that runs."""
    app = create_app(greffier)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        Api(app, portal, token(greffier)) as api,
    ):
        yield api


@contextmanager
def serving_halted(greffier):
    """A client of this office's application, whose projections don't run."""
    with start_blocking_portal() as portal, Api(create_app(greffier), portal, token(greffier)) as api:
        yield api


def token(greffier):
    return greffier.desk.issue_token(welcome(greffier.log, COLLABORATOR))


@contextmanager
def opened(folder, **settings):
    """A new office in this folder."""
    chosen = Settings(data=folder, **settings)
    create_office(chosen)
    with open_greffier(chosen) as greffier:
        greffier.log.execute(OpenOffice(name="Cabinet d'essai"), COMMAND_LINE)
        yield greffier
