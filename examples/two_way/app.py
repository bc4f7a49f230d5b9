"""Two-way push: an application without requests and answers. What is said on either side is a packet to a path.

cometary serve examples/two_way/app.py:app
"""

from pathlib import Path

from cometary import App, Session

HERE = Path(__file__).parent
MOST = 1000
LONGEST = 200

app = App()
app.files("/", HERE / "public")

items: dict[str, object] = {}


@app.signon
def joined(session: Session) -> None:
    """Tell a page what there is; from then on it hears what changes by the same handler."""
    session.connect("items/*")
    for path, item in items.items():
        session.send(path, item)


@app.packet("items/*")
def changed(_session: Session, path: str, message: object) -> None:
    """Take what a page says of an item, None if it is gone, and tell all pages, that one included."""
    item = as_item(message)
    if message is None:
        items.pop(path, None)
    elif item is None or (path not in items and len(items) >= MOST):
        return
    else:
        items[path] = item
    app.update(path, item)


def as_item(message: object) -> dict[str, object] | None:
    """Return what a page has said of an item; None if it makes no sense."""
    match message:
        case {"text": str(text), "done": bool(done)} if 0 < len(text) <= LONGEST:
            return {"text": text, "done": done}
        case _:
            return None
