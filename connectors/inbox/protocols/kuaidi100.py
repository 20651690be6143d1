"""Kuaidi100 pushes: a form with `param` (JSON) and an MD5 of it and the subscription's salt."""

from connectors.inbox.protocol import (
    Answer,
    InboxAccount,
    Push,
    PushProtocol,
    Reason,
    Received,
    content_key,
    equal,
    forged,
    form_fields,
    json_answer,
    json_payload,
    text_of,
)
from connectors.sources.kuaidi100.signing import push_signature

_WHAT = "The Kuaidi100 push"


class Kuaidi100Pushes(PushProtocol):
    """Kuaidi100 wants to read `result: true`; it signs no time and gives a push no id."""

    needs = ("push_salt",)
    accepted = json_answer(200, {"result": True, "returnCode": "200", "message": "成功"})

    def read(self, push: Push, account: InboxAccount) -> list[Received]:
        """One message: `param` as it is, with every scan of the parcel so far."""
        fields = form_fields(push.body, _WHAT)
        param = fields.get("param", "")
        expected = push_signature(param, account.secrets["push_salt"])
        if not equal(expected, fields.get("sign", "").upper()):
            raise forged(_WHAT)
        payload, parsed, read_error = json_payload(param.encode())
        return [
            Received(
                topic=text_of(parsed, "status"),
                dedupe_key=content_key(param),
                payload=payload,
                read_error=read_error,
            )
        ]

    def refused(self, reason: Reason, status: int) -> Answer:
        """A result that is not true; the platform sends the push again."""
        content = {"result": False, "returnCode": str(status), "message": reason}
        return json_answer(status, content)
