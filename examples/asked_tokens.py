"""Tokens that only the back-end can judge: the push server asks it.

BACKEND=http://127.0.0.1:8000 cometary serve examples.asked_tokens:app
"""

import os

import httpx

from cometary import App

app = App()


@app.authenticate
async def is_known(token: object) -> bool:
    """Ask the back-end. If it is away this raises, and the client is told to try again later."""
    async with httpx.AsyncClient(timeout=5) as http:
        response = await http.post(f"{os.environ['BACKEND']}/token", json={"token": token})
    if response.is_server_error:
        response.raise_for_status()
    return response.is_success
