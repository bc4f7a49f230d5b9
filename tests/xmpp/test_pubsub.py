"""Pub/sub as code: each verb dispatched, refused where there is no code for it, and answered as XEP-0060 wants it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cometary.errors import StanzaError
from cometary.xmpp.names import COMPONENT, DISCO_INFO, DISCO_ITEMS, FORMS, HEADERS, PUBSUB, PUBSUB_EVENT
from cometary.xmpp.pubsub import (
    Field,
    Item,
    NodeInfo,
    PubSubRequest,
    PubSubResource,
    PubSubService,
    Subscription,
)
from cometary.xmpp.pubsub.request import VERBS as REQUESTS
from cometary.xmpp.pubsub.request import read_request
from cometary.xmpp.pubsub.resource import FEATURES
from cometary.xmpp.stanzas import Stanza
from cometary.xmpp.xml import make
from tests.xmpp.peer import ALICE, DOMAIN, condition, connected

OWNER = f"{PUBSUB}#owner"
ACCOUNT = "alice@localhost"


def form(kind: str, about: str, **fields: str) -> str:
    said = "".join(
        f"<field var='pubsub#{name}'><value>{value}</value></field>" for name, value in fields.items()
    )
    told = f"<field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#{about}</value></field>"
    return f"<x xmlns='{FORMS}' type='{kind}'>{told}{said}</x>"


def pubsub(content: str, namespace: str = PUBSUB) -> str:
    return f"<pubsub xmlns='{namespace}'>{content}</pubsub>"


JID = f"jid='{ACCOUNT}'"
CONFIG = form("submit", "node_config", title="News")
OPTIONS = form("submit", "subscribe_options", deliver="1")
VERBS: list[tuple[str, str, str, dict[str, Any]]] = [
    (
        "publish",
        "set",
        pubsub("<publish node='n'><item id='1'><e xmlns='x'/></item><item/></publish>"),
        {"items": ["1", None]},
    ),
    ("subscribe", "set", pubsub(f"<subscribe node='n' {JID}/>"), {"subscriber": ACCOUNT}),
    (
        "unsubscribe",
        "set",
        pubsub(f"<unsubscribe node='n' {JID} subid='7'/>"),
        {"subscriber": ACCOUNT, "subscription_id": "7"},
    ),
    ("options_get", "get", pubsub(f"<options node='n' {JID}/>"), {"subscriber": ACCOUNT}),
    ("options_set", "set", pubsub(f"<options node='n' {JID}>{OPTIONS}</options>"), {"subscriber": ACCOUNT}),
    ("subscriptions", "get", pubsub("<subscriptions node='n'/>"), {}),
    ("affiliations", "get", pubsub("<affiliations node='n'/>"), {}),
    ("create", "set", pubsub("<create node='n'/><configure/>"), {}),
    ("default", "get", pubsub("<default/>", OWNER), {"node": "", "node_type": "leaf"}),
    ("configure_get", "get", pubsub("<configure node='n'/>", OWNER), {}),
    ("configure_set", "set", pubsub(f"<configure node='n'>{CONFIG}</configure>", OWNER), {}),
    (
        "items",
        "get",
        pubsub("<items node='n' max_items='3'><item id='1'/></items>"),
        {"item_ids": ("1",), "max_items": 3},
    ),
    (
        "retract",
        "set",
        pubsub("<retract node='n' notify='1'><item id='1'/></retract>"),
        {"item_ids": ("1",), "notify": True},
    ),
    ("purge", "set", pubsub("<purge node='n'/>", OWNER), {}),
    ("delete", "set", pubsub("<delete node='n'/>", OWNER), {}),
    ("affiliations_get", "get", pubsub("<affiliations node='n'/>", OWNER), {}),
    (
        "affiliations_set",
        "set",
        pubsub(
            "<affiliations node='n'><affiliation jid='bob@localhost' affiliation='owner'/></affiliations>",
            OWNER,
        ),
        {"affiliations": {"bob@localhost": "owner"}},
    ),
    ("subscriptions_get", "get", pubsub("<subscriptions node='n'/>", OWNER), {}),
    (
        "subscriptions_set",
        "set",
        pubsub(
            "<subscriptions node='n'><subscription jid='bob@localhost' subscription='none'/></subscriptions>",
            OWNER,
        ),
        {"subscriptions": {"bob@localhost": "none"}},
    ),
]
rows = pytest.mark.parametrize(("verb", "kind", "asked", "fields"), VERBS, ids=[row[0] for row in VERBS])


def test_there_is_a_row_for_each_verb() -> None:
    assert {row[0] for row in VERBS} == set(FEATURES)


@rows
async def test_w1_a_verb_without_code_is_an_unsupported_feature(
    verb: str, kind: str, asked: str, fields: dict[str, Any]
) -> None:
    async with connected(PubSubService(PubSubResource())) as (_, peer):
        answer = await peer.ask(asked, kind=kind)
        assert condition(answer) == ("feature-not-implemented", "unsupported")
        unsupported = answer.find(f".//{{{PUBSUB}#errors}}unsupported")
        assert unsupported is not None
        assert unsupported.get("feature") == FEATURES[verb]


class Full(PubSubResource):
    """Has all verbs, and takes note of what was asked."""

    def __init__(self) -> None:
        self.asked: list[PubSubRequest] = []
        self.options: Mapping[str, Any] | None = None

    def get_configuration_options(self) -> Mapping[str, Field]:
        return {
            "pubsub#title": Field("text-single", "A title"),
            "pubsub#persist_items": Field("boolean", "Whether items are kept"),
            "pubsub#access_model": Field("list-single", "", {"open": "Open", "whitelist": "A list"}),
        }

    async def get_info(self, sender: str, service: str, node: str) -> NodeInfo | None:
        return (
            NodeInfo(meta_data={"pubsub#title": "News", "pubsub#owner": ["a@b", "c@d"]})
            if node == "n"
            else None
        )

    def get_nodes(self, sender: str, service: str, node: str) -> list[str]:
        return [] if node else ["n", "m"]

    async def configure_set(self, request: PubSubRequest, options: Mapping[str, Any]) -> None:
        self.asked.append(request)
        self.options = options


def _verb(name: str, returned: Any) -> None:
    def plain(self: Full, request: PubSubRequest) -> Any:
        self.asked.append(request)
        return returned

    setattr(Full, name, plain)


SUBSCRIPTION = Subscription("n", ACCOUNT)
for name, returned in {
    "publish": ["1", "2"],
    "subscribe": SUBSCRIPTION,
    "unsubscribe": None,
    "options_get": {"pubsub#deliver": True},
    "options_set": None,
    "subscriptions": [SUBSCRIPTION],
    "affiliations": {"n": "owner"},
    "create": "n",
    "default": {"pubsub#title": "", "pubsub#persist_items": True},
    "configure_get": {"pubsub#title": "News", "pubsub#access_model": "open"},
    "items": [Item("1", make("x", "e"), "bob@localhost")],
    "retract": None,
    "purge": None,
    "delete": None,
    "affiliations_get": {"bob@localhost": "owner"},
    "affiliations_set": None,
    "subscriptions_get": [SUBSCRIPTION],
    "subscriptions_set": None,
}.items():
    _verb(name, returned)


@rows
async def test_w1_each_verb_is_called_with_what_was_asked(
    verb: str, kind: str, asked: str, fields: dict[str, Any]
) -> None:
    resource = Full()
    async with connected(PubSubService(resource)) as (_, peer):
        answer = await peer.ask(asked, kind=kind)
    assert answer.get("type") == "result"
    [request] = resource.asked
    seen = {"node": "n"} | {name: getattr(request, name) for name in fields}
    if "items" in fields:
        seen["items"] = [item.id for item in request.items]
    assert (request.verb, request.sender, request.recipient) == (verb, ALICE, DOMAIN)
    assert seen == {"node": "n"} | fields
    assert request.node == fields.get("node", "n")


async def told(
    asked: str, kind: str, path: str, resource: PubSubResource | None = None
) -> list[dict[str, str]]:
    """Return the attributes of some elements of an answer."""
    async with connected(PubSubService(resource or Full())) as (_, peer):
        answer = await peer.ask(asked, kind=kind)
        return [dict(each.attrib) for each in answer.iter(path)]


@pytest.mark.parametrize(
    ("verb", "name", "attributes"),
    [
        ("publish", "item", [{"id": "1"}, {"id": "2"}]),
        ("subscribe", "subscription", [{"node": "n", "jid": ACCOUNT, "subscription": "subscribed"}]),
        ("subscriptions", "subscription", [{"node": "n", "jid": ACCOUNT, "subscription": "subscribed"}]),
        ("affiliations", "affiliation", [{"node": "n", "affiliation": "owner"}]),
        ("create", "create", []),  # it has the name that was asked for
        ("items", "item", [{"id": "1", "publisher": "bob@localhost"}]),
        ("affiliations_get", "affiliation", [{"jid": "bob@localhost", "affiliation": "owner"}]),
        ("subscriptions_get", "subscription", [{"jid": ACCOUNT, "subscription": "subscribed"}]),
    ],
)
async def test_w1_what_a_method_returns_is_the_answer(
    verb: str, name: str, attributes: list[dict[str, str]]
) -> None:
    [(_, kind, asked, _)] = [row for row in VERBS if row[0] == verb]
    namespace = OWNER if OWNER in asked else PUBSUB
    assert await told(asked, kind, f"{{{namespace}}}{name}") == attributes


async def test_w1_a_node_that_the_service_names_is_told() -> None:
    assert await told(pubsub("<create/>"), "set", f"{{{PUBSUB}}}create") == [{"node": "n"}]


@pytest.mark.parametrize("asked", [pubsub("<configure node='n'/>", OWNER), pubsub("<default/>", OWNER)])
async def test_w8_options_are_a_form_to_fill_in(asked: str) -> None:
    fields = await told(asked, "get", f"{{{FORMS}}}field")
    assert [(each["var"], each["type"]) for each in fields] == [
        ("FORM_TYPE", "hidden"),
        ("pubsub#title", "text-single"),
        ("pubsub#persist_items", "boolean"),
        ("pubsub#access_model", "list-single"),
    ]
    [x] = await told(asked, "get", f"{{{FORMS}}}x")
    assert x == {"type": "form"}
    assert len(await told(asked, "get", f"{{{FORMS}}}option")) == 2


def configure(form: str) -> str:
    return pubsub(f"<configure node='n'>{form}</configure>", OWNER)


@pytest.mark.parametrize(
    ("said", "options"),
    [
        (form("submit", "node_config", title="News", unknown="1"), {"pubsub#title": "News"}),
        (form("submit", "node_config", persist_items="true"), {"pubsub#persist_items": True}),
        (form("cancel", "node_config"), None),  # acknowledged, and nothing is called
        (f"<x xmlns='{FORMS}' type='cancel'/>", None),
    ],
)
async def test_w8_options_are_set_as_their_types_want_them(said: str, options: object) -> None:
    resource = Full()
    async with connected(PubSubService(resource)) as (_, peer):
        assert (await peer.ask(configure(said), kind="set")).get("type") == "result"
    assert resource.options == options


W3 = [
    ("set", pubsub("<publish/>"), ("bad-request", "nodeid-required")),
    ("get", pubsub("<items/>"), ("bad-request", "nodeid-required")),
    ("set", pubsub("<delete/>", OWNER), ("bad-request", "nodeid-required")),
    ("set", pubsub("<subscribe node='n'/>"), ("bad-request", "jid-required")),
    ("set", pubsub("<unsubscribe node='n'/>"), ("bad-request", "jid-required")),
    ("set", pubsub("<subscribe node='n' jid='bob@localhost'/>"), ("bad-request", "invalid-jid")),
    ("get", pubsub("<items node='n' max_items='many'/>"), ("bad-request",)),
    ("get", pubsub("<items node='n' max_items='0'/>"), ("bad-request",)),
    ("get", pubsub("<items node='n' max_items='-1'/>"), ("bad-request",)),
    ("get", pubsub("<items node='n'><item/></items>"), ("bad-request", "item-required")),
    ("set", pubsub("<retract node='n'/>"), ("bad-request", "item-required")),
    ("set", pubsub("<publish node='n'><item><a/><b/></item></publish>"), ("bad-request", "invalid-payload")),
    ("set", pubsub("<publish node='n'><thing/></publish>"), ("bad-request",)),
    ("set", configure(""), ("bad-request",)),
    ("set", configure(form("form", "node_config")), ("bad-request",)),
    ("set", configure(f"<x xmlns='{FORMS}'/>"), ("bad-request",)),
    ("set", configure(form("submit", "subscribe_options")), ("bad-request",)),
    ("set", configure(form("submit", "node_config", persist_items="perhaps")), ("bad-request",)),
    ("set", configure(form("submit", "node_config", access_model="secret")), ("bad-request",)),
    (
        "set",
        pubsub("<affiliations node='n'><affiliation jid='a@b'/></affiliations>", OWNER),
        ("bad-request",),
    ),
    (
        "set",
        pubsub("<affiliations node='n'><affiliation affiliation='owner'/></affiliations>", OWNER),
        ("bad-request",),
    ),
    (
        "set",
        pubsub(
            "<affiliations node='n'><affiliation jid='a@b' affiliation='owner'/>"
            "<affiliation jid='a@b' affiliation='none'/></affiliations>",
            OWNER,
        ),
        ("bad-request",),
    ),
    (
        "set",
        pubsub("<subscriptions node='n'><subscription jid='a@b' subscription='x'/></subscriptions>", OWNER),
        ("bad-request",),
    ),
    (
        "get",
        pubsub(f"<default>{form('submit', 'node_config', node_type='tree')}</default>", OWNER),
        ("not-acceptable",),
    ),
    ("set", pubsub("<publish node='n'/><publish-options/>"), ("feature-not-implemented",)),
    ("set", pubsub("<publish node='n'/><retract node='n'/>"), ("feature-not-implemented",)),
    ("get", pubsub("<publish node='n'/>"), ("feature-not-implemented",)),
    ("set", pubsub("<dance/>"), ("feature-not-implemented",)),
    ("set", pubsub("<publish xmlns='other' node='n'/>"), ("feature-not-implemented",)),
    ("set", pubsub(""), ("bad-request",)),
]


@pytest.mark.parametrize(("kind", "asked", "conditions"), W3)
async def test_w3_what_is_not_as_it_has_to_be_is_refused(
    kind: str, asked: str, conditions: tuple[str, ...]
) -> None:
    resource = Full()
    async with connected(PubSubService(resource)) as (_, peer):
        assert condition(await peer.ask(asked, kind=kind)) == conditions
    assert resource.asked == []


class Two(PubSubResource):
    """Has another one for the nodes below `b/`."""

    def __init__(self) -> None:
        self.second = Full()

    def locate_resource(self, request: PubSubRequest) -> PubSubResource:
        if request.node == "nowhere":
            raise StanzaError("item-not-found")
        return self.second if request.node.startswith("b/") else self


async def test_w2_two_resources_are_behind_one_service() -> None:
    async with connected(PubSubService(Two())) as (_, peer):
        get = "<items node='{}'/>"
        assert condition(await peer.ask(pubsub(get.format("a")))) == (
            "feature-not-implemented",
            "unsupported",
        )
        assert (await peer.ask(pubsub(get.format("b/1")))).get("type") == "result"
        assert condition(await peer.ask(pubsub(get.format("nowhere")))) == ("item-not-found",)


class Crashing(PubSubResource):
    """Fails."""

    async def publish(self, request: PubSubRequest) -> None:
        raise ZeroDivisionError

    def items(self, request: PubSubRequest) -> str:
        return "no items"


async def test_w4_a_method_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with connected(PubSubService(Crashing())) as (component, peer):
        for kind, asked in (("set", "<publish node='n'/>"), ("get", "<items node='n'/>")):
            assert condition(await peer.ask(pubsub(asked), kind=kind)) == ("internal-server-error",)
        assert (await peer.ask("<ping xmlns='urn:xmpp:ping'/>")).get("type") == "result"
        assert component.connected
    assert "ZeroDivisionError" in caplog.text


async def info(service: PubSubService, node: str = "") -> Element:
    async with connected(service) as (_, peer):
        return await peer.ask(f"<query xmlns='{DISCO_INFO}' {f'node={node!r}' if node else ''}/>")


async def test_w5_what_a_class_can_do_is_discovered() -> None:
    answer = await info(PubSubService(Crashing()))
    [identity] = answer.iter(f"{{{DISCO_INFO}}}identity")
    assert (identity.get("category"), identity.get("type")) == ("pubsub", "service")
    features = {str(each.get("var")) for each in answer.iter(f"{{{DISCO_INFO}}}feature")}
    assert {each for each in features if each.startswith(PUBSUB)} == {
        PUBSUB,
        f"{PUBSUB}#publish",
        f"{PUBSUB}#retrieve-items",
    }


async def test_w5_a_node_has_meta_data() -> None:
    answer = await info(PubSubService(Full()), "n")
    [identity] = answer.iter(f"{{{DISCO_INFO}}}identity")
    assert (identity.get("category"), identity.get("type")) == ("pubsub", "leaf")
    fields = {
        str(each.get("var")): [value.text for value in each] for each in answer.iter(f"{{{FORMS}}}field")
    }
    assert fields == {
        "FORM_TYPE": [f"{PUBSUB}#meta-data"],
        "pubsub#title": ["News"],
        "pubsub#owner": ["a@b", "c@d"],
    }
    assert condition(await info(PubSubService(Full()), "other")) == ("item-not-found",)


@pytest.mark.parametrize(("hidden", "nodes"), [(False, ["n", "m"]), (True, [])])
async def test_w5_nodes_are_listed_unless_they_are_hidden(hidden: bool, nodes: list[str]) -> None:
    async with connected(PubSubService(Full(), hide_nodes=hidden)) as (_, peer):
        answer = await peer.ask(f"<query xmlns='{DISCO_ITEMS}'/>")
        assert [each.get("node") for each in answer.iter(f"{{{DISCO_ITEMS}}}item")] == nodes


async def test_w6_a_subscription_to_a_collection_is_told_in_a_header() -> None:
    service = PubSubService(Full())
    async with connected(service) as (_, peer):
        subscriptions = [Subscription("n", ACCOUNT), Subscription("all", ACCOUNT)]
        service.notify_publish("n", [(ACCOUNT, subscriptions, [Item("1", make("x", "e"))])])
        told = await peer.heard()
    assert (told.get("to"), told.get("from"), told.get("type")) == (ACCOUNT, DOMAIN, "headline")
    [items] = told.iter(f"{{{PUBSUB_EVENT}}}items")
    assert (items.get("node"), items[0].get("id"), items[0][0].tag) == ("n", "1", "{x}e")
    [header] = told.iter(f"{{{HEADERS}}}header")
    assert (header.get("name"), header.text) == ("Collection", "all")


async def test_w7_deletions_purges_and_retractions_are_told() -> None:
    service = PubSubService(Full())
    async with connected(service) as (_, peer):
        service.notify_delete("n", [ACCOUNT], "xmpp:other@localhost?;node=n")
        service.notify_purge("n", [ACCOUNT])
        service.notify_retract("n", [ACCOUNT], ["1"])
        told = [await peer.heard() for _ in range(3)]
    [redirect] = told[0].iter(f"{{{PUBSUB_EVENT}}}redirect")
    assert redirect.get("uri") == "xmpp:other@localhost?;node=n"
    assert [
        len(list(each.iter(f"{{{PUBSUB_EVENT}}}{name}")))
        for each, name in zip(told, ("delete", "purge", "retract"), strict=True)
    ] == [1, 1, 1]


@pytest.mark.parametrize("state", ["pending", "unconfigured"])
async def test_w9_a_subscription_may_be_pending_or_unconfigured(state: str) -> None:
    class Careful(PubSubResource):
        def subscribe(self, request: PubSubRequest) -> Subscription:
            return Subscription(request.node, ACCOUNT, state, "id-7")

    async with connected(PubSubService(Careful())) as (_, peer):
        answer = await peer.ask(pubsub(f"<subscribe node='n' {JID}/>"), kind="set")
    [subscription] = answer.iter(f"{{{PUBSUB}}}subscription")
    assert (subscription.get("subscription"), subscription.get("subid")) == (state, "id-7")
    assert len(list(subscription.iter(f"{{{PUBSUB}}}required"))) == (state == "unconfigured")


async def test_w1_options_come_with_a_subscription() -> None:
    resource = Full()
    asked = f"<subscribe node='n' {JID}/><options>{OPTIONS}</options>"
    async with connected(PubSubService(resource)) as (_, peer):
        assert (await peer.ask(pubsub(asked), kind="set")).get("type") == "result"
    [request] = resource.asked
    assert request.form is not None
    assert request.form.fields == {"pubsub#deliver": ["1"]}


parts = st.sampled_from(
    [
        *[name for _, _, name in REQUESTS],
        "item",
        "subscription",
        "affiliation",
        "options",
        "configure",
        f"{{{FORMS}}}x",
        f"{{{FORMS}}}field",
        f"{{{FORMS}}}value",
    ]
)
said = st.dictionaries(
    st.sampled_from(
        ["node", "jid", "id", "max_items", "subid", "type", "var", "subscription", "affiliation"]
    ),
    st.sampled_from(["", "n", "1", "-1", "9" * 30, "owner", "submit", "FORM_TYPE", f"{PUBSUB}#node_config"]),
)


def tree(children: st.SearchStrategy[tuple[str, dict[str, str], list[Any]]]) -> Any:
    return st.tuples(parts, said, st.lists(children, max_size=3))


trees = st.recursive(st.tuples(parts, said, st.just(list[Any]())), tree, max_leaves=8)


def planted(namespace: str, grown: tuple[str, dict[str, str], list[Any]]) -> Element:
    name, attributes, children = grown
    element = Element(name if name.startswith("{") else f"{{{namespace}}}{name}", attributes)
    element.extend(planted(namespace, child) for child in children)
    return element


@given(st.sampled_from(["get", "set"]), st.sampled_from([PUBSUB, OWNER]), st.lists(trees, max_size=3))
def test_w3_whatever_is_asked_is_read_or_refused(kind: str, namespace: str, asked: list[Any]) -> None:
    pubsub = make(namespace, "pubsub", None, *[planted(namespace, each) for each in asked])
    stanza = Stanza(make(COMPONENT, "iq", {"type": kind, "from": ALICE, "to": DOMAIN}, pubsub))
    with suppress(StanzaError):
        assert read_request(stanza).verb in FEATURES
