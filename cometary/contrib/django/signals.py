"""What the push server tells of sessions, as Django's signals; each receiver gets the event as `event`, a dict.

The server posts them to the view `webhook`, if it was started with `--webhook-url` and both sides have the secret. An
event may come again, with the same `id`: if the answer to it was lost, or a receiver raised.
"""

from django.dispatch import Signal

signed_on = Signal()
signed_off = Signal()
failed = Signal()
receipt_came = Signal()
message_came = Signal()

BY_TYPE = {
    "signon": signed_on,
    "signoff": signed_off,
    "failure": failed,
    "receipt": receipt_came,
    "message": message_came,
}
