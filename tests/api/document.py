"""The OpenAPI document, as schemathesis reads it, and the demonstration office that is asked what it says."""

import re
from zlib import crc32

import schemathesis
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig

from api.app import PUBLIC
from api.openapi import openapi_document
from api.routes import office_operations
from projections.queries.paging import encode_cursor

DOCUMENT = openapi_document(office_operations(), PUBLIC)
IDENTIFIED = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}


def required_query(operation):
    """What a query must say, by the first example of each."""
    required = (one for one in operation.get("parameters", ()) if one["in"] == "query" and one["required"])
    return {one["name"]: one["schema"]["examples"][0] for one in required}


REJECTED = ["400", "401", "404", "405", "413", "415", "422"]

schemathesis.openapi.format("email", st.integers(0, 99).map("someone{}@courriel.example".format))
schemathesis.openapi.media_type(
    "message/rfc822", st.binary() | st.binary().map(b"From: someone@courriel.example\r\n\r\n".__add__)
)

documented = schemathesis.openapi.from_dict(
    DOCUMENT,
    config=SchemathesisConfig.from_dict(
        {
            "base-url": "http://greffier",
            "checks": {
                # 412: the document can't know today's versions for `If-Match`
                "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "412"]},
                "negative_data_rejection": {"expected-statuses": REJECTED},
            },
            "operations": [
                {  # whatever comes as a message is kept, even nothing: it goes to quarantine
                    "include-path": "/messages",
                    "checks": {"negative_data_rejection": {"expected-statuses": [*REJECTED, "202"]}},
                }
            ],
        }
    ),
)


class Door:
    """The application of the office under test. `demo_api` keeps its projections running; nothing else is begun here."""

    application = None

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await self.application(scope, receive, send)


documented.app = door = Door()


class RealValues:
    """Values that the document can't know, and without which little would be found: ids, cursors, positions, keys."""

    def __init__(self, api):
        tickets = api.read("/tickets", limit=200)["items"]
        self.clients = [line["client_id"] for line in api.read("/clients", limit=200)["items"]]
        self.companies = [api.register_company("Mutuelle des Deux Rives")]
        self.contacts = [api.register_contact("Ferrand", self.companies[0])]
        self.contracts = [api.register_contract(self.clients[0], "MRH-2201457")]
        self.claims = [api.open_claim(self.contracts[0])]
        given = api.do(f"/companies/{self.companies[0]}/email-addresses", {"address": "sinistres@deux-rives.example"})
        api.do(
            f"/contacts/{self.contacts[0]}/email-addresses", {"address": "sinistres@deux-rives.example", "how": "share"}
        )
        self.address_id = given["id"]
        joined = [
            {"ticket_id": mail["ticket_id"], "mail_id": mail["mail_id"]}
            for line in tickets
            if line["message_count"] > 1
            for mail in api.read(f"/tickets/{line['ticket_id']}/messages")["items"][1:]
        ]
        self.tickets = [line["ticket_id"] for line in tickets]
        self.paths = {
            ("ticket_id",): [{"ticket_id": line["ticket_id"]} for line in tickets],
            ("client_id",): [{"client_id": client_id} for client_id in self.clients],
            ("contract_id",): [{"contract_id": id_} for id_ in self.contracts],
            ("claim_id",): [{"claim_id": id_} for id_ in self.claims],
            ("company_id",): [{"company_id": id_} for id_ in self.companies],
            ("contact_id",): [{"contact_id": id_} for id_ in self.contacts],
            ("address_id", "company_id"): [{"company_id": self.companies[0], "address_id": self.address_id}],
            ("address_id", "contact_id"): [{"contact_id": self.contacts[0], "address_id": self.address_id}],
            ("address_id", "client_id"): [
                {"client_id": client_id, "address_id": address_id}
                for client_id in self.clients
                for address_id in api.addresses_of(client_id).values()
            ],
            ("part", "ticket_id"): [
                {"ticket_id": line["ticket_id"], "part": attached["part"]}
                for line in tickets
                if line["attachment_count"]
                for attached in api.ticket(line["ticket_id"])["attachments"]
            ],
            ("mail_id", "ticket_id"): joined,
            ("run_id",): [
                {"run_id": api.do("/filings", {"tickets": [{"ticket_id": self.tickets[1]}], "on": None})["run_id"]}
            ],
            ("address_id",): [{"address_id": api.do("/office/addresses", {"address": "devis@cabinet.example"})["id"]}],
            ("mail_id", "part", "ticket_id"): [
                {"ticket_id": line["ticket_id"], "mail_id": mail["mail_id"], "part": attached["part"]}
                for line in tickets[-40:]
                for mail in api.read(f"/tickets/{line['ticket_id']}/messages")["items"]
                for attached in mail["attachments"]
            ],
            ("name",): [{"name": view["name"]} for view in api.get("/projections").json()["items"]],
            ("entry_id",): [{"entry_id": entry["entry_id"]} for entry in api.get("/quarantine").json()["items"]],
        }
        self.paths["document_id",] = [
            {"document_id": api.index(attachment, self.clients[0], "photo")}
            for attachment in self.paths["mail_id", "part", "ticket_id"]
        ]
        self._cursors = {
            "/clients": encode_cursor("m", 1),
            "/collaborators": encode_cursor("m", self.clients[0]),
            "/office/addresses": encode_cursor("m", self.clients[0]),
            "/companies": encode_cursor("m", 1),
            "/contacts": encode_cursor("m", 1),
            "/targets": encode_cursor(1, "m", self.clients[0]),
            "/quarantine": encode_cursor("2026-01-01T00:00:00+00:00", self.clients[0]),
            "/tickets/search": encode_cursor(300, 200),
        }
        self._files = {
            "client": self.clients,
            "contract": self.contracts,
            "claim": self.claims,
            "company": self.companies,
            "contact": self.contacts,
        }
        self._collaborator_id = api.read("/collaborators")["items"][0]["collaborator_id"]
        self._head = api.get("/health").json()["head"]

    def put_into(self, case):
        """Puts them into what was generated to be valid; one path in four keeps its random ids."""
        drawn = crc32(repr((case.path_parameters, case.query, case.body)).encode())
        if is_valid(case, "path_parameters") and drawn % 4:
            known = self.paths.get(tuple(sorted(case.path_parameters)))
            case.path_parameters = known[drawn % len(known)] if known else case.path_parameters
        if is_valid(case, "query"):
            self._put_into_query(case, drawn)
        if is_valid(case, "body") and isinstance(case.body, dict):
            self._put_into_body(case.path, case.body, drawn)
        if re.fullmatch("[!-~]{1,255}", case.headers.get("Idempotency-Key", "")):
            command = repr((case.path, case.path_parameters, case.body))
            case.headers["Idempotency-Key"] = str(crc32(command.encode()))
        if case.headers.get("If-Match") == "0":  # what schemathesis takes for a valid one, whatever the document says
            case.headers["If-Match"] = '"1"'

    def _put_into_query(self, case, drawn):
        if "cursor" in case.query:
            case.query.pop("page", None)  # one or the other: a document can't say so
            case.query["cursor"] = self._cursors.get(case.path, encode_cursor(drawn % 300))
        if "min_position" in case.query:
            case.query["min_position"] = int(case.query["min_position"]) % (self._head + 1)
        if case.path == "/tickets/search":
            self._put_into_search(case.query, drawn)

    def _put_into_search(self, query, drawn):
        """A text has words, a period an order, and a file a kind and an id of its own: a document can't say so."""
        known = {"text": "attestation 2026 résil*", "since": "2026-01-01", "until": "2999-12-31T00:00:00Z"}
        query |= {name: value for name, value in known.items() if name in query}
        if {"on_kind", "on_id"} & query.keys():
            kind, ids = list(self._files.items())[drawn % len(self._files)]
            query |= {"on_kind": kind, "on_id": ids[drawn % len(ids)]}

    def _put_into_body(self, path, body, drawn):
        """Ids that a body names must be of what is there: others are wrong fields, which a document can't tell."""
        if "other_id" in body:
            body["other_id"] = self.tickets[drawn % len(self.tickets)]
        target = body.get("on") or {}
        if target.get("kind") in self._files:
            known = self._files[target["kind"]]
            target["id"] = known[drawn % len(known)]
        if path == "/filings/preview":  # tickets are named, or chosen by the file that they are on
            if drawn % 2 or not body.get("filed_on"):
                kept = {"ticket_ids": body.get("ticket_ids") or self.tickets[:3], "on": body.get("on")}
                body.clear()
                body |= kept
            else:
                body.pop("ticket_ids", None)
        if body.get("company_id"):
            body["company_id"] = self.companies[0]
        if body.get("collaborator_id"):
            body["collaborator_id"] = self._collaborator_id


def is_valid(case, container):
    """Whether something was generated there, and to be valid."""
    if not getattr(case, container):
        return False
    modes = {location.container_name: component.mode for location, component in case.meta.components.items()}
    return modes.get(container, schemathesis.GenerationMode.POSITIVE) == schemathesis.GenerationMode.POSITIVE
