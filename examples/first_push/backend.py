"""The first tutorial's back-end: a process of its own that tells every page the time.

python examples/first_push/backend.py [http://127.0.0.1:8081]
"""

import sys
import time

from cometary import Connector

control = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8081"

with Connector(control) as connector:
    for _ in range(5):
        connector.update("news", {"from": "the clock", "text": time.strftime("%H:%M:%S")})
        time.sleep(1)
