"""Data forms (XEP-0004), as far as the options of nodes and subscriptions need them. No socket, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from cometary.errors import StanzaError
from cometary.xmpp.names import FORMS
from cometary.xmpp.xml import make

SEVERAL: Final = frozenset(("list-multi", "text-multi", "jid-multi"))

Value = str | bool | Sequence[str]
"""Of a field: a truth value of `boolean`, several texts of those of `SEVERAL`, one text of all others."""


@dataclass(frozen=True, slots=True)
class Field:
    """What an option may be.

    Attributes:
        type: one of XEP-0004's, such as `boolean` or `list-single`.
        label: what people are shown.
        options: the values that a list allows, each with its label; empty for any.
    """

    type: str = "text-single"
    label: str = ""
    options: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Form:
    """A form that somebody has sent.

    Attributes:
        type: `submit`, `cancel`, `form` or `result`.
        form_type: what its fields are about; None if it does not say.
        fields: the texts of each, by name.
    """

    type: str
    form_type: str | None
    fields: Mapping[str, Sequence[str]]


def read_form(parent: Element, form_type: str) -> Form | None:
    """Return the form about `form_type` in an element; None if there is none.

    Raises:
        StanzaError: `bad-request`: there is one, but it is about something else, or of an unknown type; its sender's
            fault.
    """
    element = parent.find(f"{{{FORMS}}}x")
    if element is None:
        return None
    fields = {
        str(each.get("var")): [value.text or "" for value in each.iter(f"{{{FORMS}}}value")]
        for each in element.iter(f"{{{FORMS}}}field")
        if each.get("var")
    }
    found = fields.pop("FORM_TYPE", [None])
    form = Form(element.get("type", ""), found[0] if found else None, fields)
    if form.type not in {"submit", "cancel"}:
        raise StanzaError("bad-request", "a form that is sent back is a submit or a cancel")
    if form.type == "submit" and form.form_type != form_type:
        raise StanzaError("bad-request", f"the form has to be about {form_type}")
    return form


def typed(form: Form, known: Mapping[str, Field]) -> dict[str, Value]:
    """Return the values of a form, as the types of the fields want them; what is not known is left out.

    Raises:
        StanzaError: `bad-request`: a value is not what its field allows; its sender's fault.
    """
    return {name: _value(name, texts, known[name]) for name, texts in form.fields.items() if name in known}


def _value(name: str, texts: Sequence[str], said: Field) -> Value:
    if said.options and not set(texts) <= set(said.options):
        raise StanzaError("bad-request", f"{name} is one of {', '.join(said.options)}")
    if said.type in SEVERAL:
        return list(texts)
    if len(texts) > 1:
        raise StanzaError("bad-request", f"{name} has one value")
    text = texts[0] if texts else ""
    if said.type != "boolean":
        return text
    if text not in {"0", "1", "true", "false"}:
        raise StanzaError("bad-request", f"{name} is true or false")
    return text in {"1", "true"}


def write_form(
    form_type: str, values: Mapping[str, Value], known: Mapping[str, Field], *, kind: str = "form"
) -> Element:
    """Return a form that somebody may fill in, or with `result` read, with the values that it has now."""
    form = make(FORMS, "x", {"type": kind})
    form.append(_field("FORM_TYPE", "hidden", [form_type]))
    for name, said in known.items():
        if kind == "result" and name not in values:
            continue
        element = _field(name, said.type, _texts(values.get(name)), said.label or None)
        for value, label in said.options.items() if kind == "form" else ():
            element.append(make(FORMS, "option", {"label": label}, make(FORMS, "value", text=value)))
        form.append(element)
    return form


def _field(name: str, kind: str, texts: Sequence[str], label: str | None = None) -> Element:
    values = [make(FORMS, "value", text=text) for text in texts]
    return make(FORMS, "field", {"var": name, "type": kind, "label": label}, *values)


def _texts(value: Value | None) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, bool):
        return ["1" if value else "0"]
    return [value] if isinstance(value, str) else value


def field_for(value: Value) -> Field:
    """Return what an option may be if only its value is known."""
    if isinstance(value, bool):
        return Field("boolean")
    return Field("text-single" if isinstance(value, str) else "text-multi")
