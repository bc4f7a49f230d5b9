"""The rules, each broken in a copy of the source of production: the checker has to find the harm."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster.checker.parts import Parts, broken
from tests.cluster.checker.scopes import Scope

SENT = ("client sends", "node hears")
"""How a world begins in which the owner has just got a packet of the client's."""

TWO_PACKETS = (
    *("publish", "node reads", "application sends", "engine does", "engine answers"),
    *("client asks", "node hears"),
)
"""How a world begins in which an answer with two packets is on its way, the first of them of a path's log."""

ATTACHING = ("publish", "node reads", "client asks", "node hears", "client attaches", "client gets")
"""How a world begins in which the client has got a packet since it has said where it is, to attach a stream."""

ADOPTION_LOST = (
    *("application sends", "engine does", "engine answers"),
    *("lease over", "adopt", "lose"),
    *(("application sends", 1), ("node learns that the engine was away", 2)),
)
"""How a world begins in which the engine has lost everything, an adoption as well, and both owners are about to ask."""

ACKNOWLEDGED = (
    *("application sends", "engine does", "engine answers", "client asks", "node hears", "client gets"),
    *("client sends", "node hears", "engine does", "crash"),
)
"""How a world begins in which a client's packet, which said that the client has one that wants a receipt, is recorded,
and the node is dead."""

ENDED = (*("application sends", "engine does", "engine answers"), *("end", "engine does", "engine answers"))
"""How a world begins in which a session has ended, of which a packet that wants a receipt was not delivered."""

DELIVER_AT_ONCE = """fields=event.fields))
        if self.deliveries is None:
            return self._go_on([])
        self.deliveries = self.deliveries.with_own(1)
        return self._go_on([Deliver(event.packets)])"""


SETTLE = """            self._call = "over"
            self._gather(event.change._replace(settled=1))
"""
SETTLE_CALLS = (
    """            if self._call == "none":
                return self._go_on([])
"""
    + SETTLE
)
"""Does not settle a call whose death was told."""

REFUSE_AT_ONCE = """        if request is not None:
            return [Dismiss(request, condition)]
        self._doubts += ((request, condition),)
"""


@dataclass(frozen=True)
class Break:
    """One rule that is broken: `changes` in `module`; it shows in `scope`, as the `harm`."""

    rule: str
    harm: str
    scope: Scope
    module: str
    changes: tuple[tuple[str, str], ...]

    def parts(self) -> Parts:
        return broken(self.module, *self.changes)


BREAKS = (
    Break(
        "R1: a change of an older generation is applied",
        "comes where",
        Scope(pushes=2, leases=1),
        "record",
        (("    if record.generation > generation:\n        return Verdict.FENCED, record\n", ""),),
    ),
    Break(
        "R1: a change that was sent twice is applied twice",
        "twice",
        Scope(pushes=1, operations=1),
        "record",
        (("    if version < record.version:\n        return Verdict.OK, record\n", ""),),
    ),
    Break(
        "R1: a fenced owner goes on",
        "recorded",
        Scope(pushes=1, leases=1),
        "owner",
        (
            (
                "if event.verdict is not Verdict.OK:\n            return self._forget()\n        change",
                "change",
            ),
        ),
    ),
    Break(
        "R1: two changes are under way",
        "comes where",
        Scope(pushes=2),
        "owner",
        (("        if self._under_way is not None:\n            return\n        record", "        record"),),
    ),
    Break(
        "R2: a packet is delivered before it is in the record",
        "recorded",
        Scope(pushes=1),
        "owner",
        (
            (
                "fields=event.fields))\n        return self._go_on([])",
                DELIVER_AT_ONCE,
            ),
            ("if change.out and self.deliveries", "if False and self.deliveries"),
        ),
    ),
    Break(
        "R3: a request is answered before its packets are in the record",
        "no way to",
        Scope(inbound=1, crashes=1, begins=SENT),
        "owner",
        (("in self._handed if request.rid <= self.record.rid]", "in self._handed]"),),
    ),
    Break(
        "R3: a later request is answered before that",
        "no way to",
        Scope(inbound=1, crashes=1, begins=SENT),
        "owner",
        ((" or (self._handed and self._handed[-1].rid > self.record.rid)", ""),),
    ),
    Break(
        "R3: whoever adopts the session leaves the inbox",
        "no way to",
        Scope(inbound=1, crashes=1, begins=SENT),
        "record",
        (("owner=owner)", "owner=owner, inbox=(), begun=False)"),),
    ),
    Break(
        "R3: whoever adopts the session forgets whose packets were taken in",
        "twice",
        Scope(inbound=1, crashes=1, cuts=1),
        "owner",
        (("self._expected = record.rid + 1", "self._expected = 1"),),
    ),
    Break(
        "R3: a call that had begun is made again",
        "called twice",
        Scope(inbound=1, crashes=1),
        "owner",
        (("if adopted and record.begun:", "if adopted and record.gone:"),),
    ),
    Break(
        "R3: that a death is reported is recorded before it is",
        "before an older packet",
        Scope(inbound=2, crashes=2, replies=False),
        "owner",
        (
            ("self._doubts = ((None, LEASE),)", "self._gathered = Change(settled=1)"),
            ('self._call, self._died = "running", None', 'self._call, self._died = "none", None'),
            (SETTLE, SETTLE_CALLS),
        ),
    ),
    Break(
        "R3: what a handler has sent that is called again is recorded before it has returned",
        "twice",
        Scope(inbound=2, together=True, pushes=1, crashes=1, cuts=1, handling="redo", slow=True),
        "owner",
        (("self._redone = self._redone.and_then(event.change)", "self._gather(event.change)"),),
    ),
    Break(
        "R4: requests of older generations tell where the client is",
        "never sent",
        Scope(pushes=1, published=1, leases=1, copies=1, begins=TWO_PACKETS[:5]),
        "owner",
        (("counts = request.generation == self.record.generation\n        a", "counts = True\n        a"),),
    ),
    Break(
        "R4: signs of older generations tell where the client is",
        "refused|comes|never sent|does not know",
        Scope(pushes=1, published=1, streams=1, leases=1, begins=ATTACHING),
        "owner",
        ((" or sign.generation < self.record.generation:", ":"),),
    ),
    Break(
        "R4: a sign tells nobody where the client is",
        "never sent|does not know|no way to",
        Scope(pushes=1, streams=1, crashes=1),
        "owner",
        (("placed = self._place(sign)", "placed: list[object] | str = []"),),
    ),
    Break(
        "R5: the client takes packets of older generations",
        "comes twice",
        Scope(pushes=1, published=1, leases=1, copies=1, cuts=1, begins=TWO_PACKETS),
        "resumption",
        (("return generation >= self.generation", "return True"),),
    ),
    Break(
        "R6: it does not matter which requests were answered",
        "refused",
        Scope(crashes=1),
        "owner",
        (("self._expected = max(self._expected, request.done + 1)\n", "\n"),),
    ),
    Break(
        "R6: a request says up to which id all were answered",
        "refused",
        Scope(inbound=1, crashes=1),
        "resumption",
        (("done=max(self.done, rid)", "done=max(self.done, rid if rid == self.done + 1 else 0)"),),
    ),
    Break(
        "R7: logs are read from the beginning",
        "log",
        Scope(published=1, crashes=1),
        "owner",
        (("[Number(request.ack, place.logs)", "[Number(request.ack, ())"),),
    ),
    Break(
        "R8: a call begins although the lease has run out",
        "another node owns",
        Scope(inbound=1, leases=1),
        "owner",
        (("or not self.leased or", "or"),),
    ),
    Break(
        "R8: a call begins before the generation is confirmed",
        "another node owns",
        Scope(inbound=1, leases=1),
        "owner",
        ((" or not self.sure:", ":"),),
    ),
    Break(
        "M5: an end is told before the engine has confirmed it",
        "not in the record",
        Scope(leases=1, ends=1),
        "owner",
        (('if condition == "session-ended" and self.record.ended is not None and', "if"),),
    ),
    Break(
        "R9: what is recorded is confirmed before all that was lost is put back",
        "is recorded",
        Scope(pushes=2, losses=1, leases=1, begins=ADOPTION_LOST),
        "record",
        (("return not lacking or verdict in {Verdict.FENCED, Verdict.BEHIND}", "return True"),),
    ),
    Break(
        "R10: the record lets go of a packet before its receipt is in it",
        "no way to",
        Scope(pushes=1, inbound=1, receipts=True, crashes=1, replies=False, begins=ACKNOWLEDGED),
        "owner",
        (("known = min(self.deliveries.own, self._accounted)", "known = self.deliveries.own"),),
    ),
    Break(
        "R10: it is not recorded whose receipts were made",
        "called twice",
        Scope(pushes=1, receipts=True, crashes=1, ends=1, begins=ENDED),
        "due_receipts",
        (("return _encode(self)", "return _encode(self._replace(accounted=0))"),),
    ),
    Break(
        "R10: a handler of a receipt is called that may have been called before",
        "called twice",
        Scope(pushes=1, receipts=True, crashes=1),
        "due_receipts",
        (("for each in self.due if each.begun])", "for each in self.due if False])"),),
    ),
    Break(
        "R10: a handler of a receipt is called before that is recorded",
        "called twice",
        Scope(pushes=1, receipts=True, crashes=1),
        "due_receipts",
        (("any(each.begun for each in self.due if", "any(True for each in self.due if"),),
    ),
    Break(
        "mirrored, M1: a change of an older generation is applied",
        "twice|comes where|recorded",
        Scope(mirror=True, pushes=2, leases=1),
        "record",
        (("    if record.generation > generation:\n        return Verdict.FENCED, record\n", ""),),
    ),
    Break(
        "mirrored, M1: a change that was sent twice is applied twice",
        "twice",
        Scope(mirror=True, pushes=1, operations=1),
        "record",
        (("    if version < record.version:\n        return Verdict.OK, record\n", ""),),
    ),
    Break(
        "mirrored, M2: a packet is delivered before it is in the record",
        "recorded",
        Scope(mirror=True, pushes=1),
        "owner",
        (
            (
                "fields=event.fields))\n        return self._go_on([])",
                DELIVER_AT_ONCE,
            ),
            ("if change.out and self.deliveries", "if False and self.deliveries"),
        ),
    ),
    Break(
        "mirrored, M2: that a request without packets was processed is not in the record",
        "no way to|refused",
        Scope(mirror=True, crashes=1),
        "mirrored",
        (("        return True\n", "        return bool(request.packets)\n"),),
    ),
    Break(
        "mirrored, M2: a request is answered before that is in the record",
        "no way to|refused",
        Scope(mirror=True, pushes=2, crashes=1),
        "owner",
        (("in self._handed if request.rid <= self.record.rid]", "in self._handed]"),),
    ),
    Break(
        "mirrored, M3: a call that had begun is made again",
        "called twice",
        Scope(mirror=True, inbound=1, crashes=1),
        "mirrored",
        (("if adopted and record.begun:", "if adopted and record.gone:"),),
    ),
    Break(
        "mirrored, M4: what the record has is taken for unsent",
        "refused",
        Scope(mirror=True, pushes=1, crashes=1),
        "mirrored",
        (("record.out, self.sent)", "record.out, record.base)"),),
    ),
    Break(
        "mirrored, M4: numbers begin anew",
        "gap|comes twice|never sent|no way to|refused",
        Scope(mirror=True, pushes=1, crashes=1),
        "mirrored",
        (("TakeForSent(record.base, record.out, self.sent)", "TakeForSent(0, (), 0)"),),
    ),
    Break(
        "mirrored, M5: a request is refused before the engine has confirmed the generation",
        "refused",
        Scope(mirror=True, pushes=1, leases=1),
        "owner",
        (
            (
                "        self._doubts += ((request, condition),)\n",
                REFUSE_AT_ONCE,
            ),
        ),
    ),
    Break(
        "what the engine has lost is not put back",
        "no way to",
        Scope(pushes=1, losses=1),
        "owner",
        (("return stay(PutBack(self.record))", "return stay()"),),
    ),
)
