"""Who may speak STOMP: the warehouse, which hears orders and says what it has packed, and nothing else.

COMETARY_SECRET=… cometary serve examples.logins:app --stomp 127.0.0.1:61613
"""

from hashlib import scrypt
from hmac import compare_digest

from cometary import App
from cometary.authentication import Admission

KNOWN = {"warehouse": scrypt(b"correct horse", salt=b"warehouse", n=2, r=8, p=1)}  # n=2**14 in earnest

app = App()


@app.login
def may_speak(login: str, passcode: str) -> Admission | bool:
    """Say who may come in, where, and for how long."""
    given = scrypt(passcode.encode(), salt=login.encode(), n=2, r=8, p=1)
    if not compare_digest(KNOWN.get(login, b""), given):
        return False
    return Admission(paths=["/queue/orders", "packed/*"], expires=3600)
