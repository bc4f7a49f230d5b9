"""What is known of one child, found by its id or its reference."""

from __future__ import annotations

from typing import Any

import pytest

from cometary.errors import ChildStateError
from cometary.supervision import (
    ChildInfo,
    ChildSpec,
    DynamicSupervisor,
    get_childspec,
    start_child,
    start_child_async,
    terminate_child,
    which_child,
    which_children,
)
from tests.supervision.company import Diary, Worker, child, company, crowd, settled, worker


async def test_a_child_is_told_of_by_its_id_or_its_reference() -> None:
    diary = Diary()
    async with company(worker("a", diary), worker("b", diary)) as root:
        infos = {info.id: info for info in await which_children(root)}
        ref = await child(root, "b")
        assert await which_child(root, "b") == await which_child(root, ref) == infos["b"]
        assert infos["b"] == ChildInfo("b", ref, "worker", "running")
        await terminate_child(root, "b")
        assert await which_child(root, "b") == ChildInfo("b", None, "worker", "stopped")


async def test_a_child_is_found_by_its_reference_over_restarts_and_not_after_its_end() -> None:
    async with company(worker("a", Diary())) as root:
        ref = await child(root, "a")
        ref.tell("crash")
        assert await which_child(root, ref) == ChildInfo("a", None, "worker", "ended")
        await settled()
        assert await which_child(root, ref) == ChildInfo("a", ref, "worker", "running")
        assert (await get_childspec(root, ref)).id == "a"
        await terminate_child(root, ref)
        with pytest.raises(ChildStateError, match="root has no child"):
            await which_child(root, ref)
        assert (await which_child(root, "a")).state == "stopped"


@pytest.mark.parametrize("call", [which_child, get_childspec, terminate_child])
async def test_who_is_no_child_is_refused(call: Any) -> None:
    diary = Diary()
    async with company(worker("a", diary), crowd()) as root:
        sup = await child(root, "crowd")
        stranger = await start_child(sup, Worker, "x", diary)
        for wanted in ("z", stranger, root, sup.proxy(), None, 7):
            with pytest.raises(ChildStateError, match="root has no child"):
                await call(root, wanted)
        for wanted in (root, await child(root, "a"), None):
            with pytest.raises(ChildStateError, match="root/crowd has no child"):
                await call(sup, wanted)
        with pytest.raises(ChildStateError, match="knows its children by reference, not by id"):
            await call(sup, "a")


async def test_the_specification_of_a_child_is_found_by_either() -> None:
    spec = worker("a", Diary(), restart="transient")
    async with company(spec) as root:
        assert await get_childspec(root, "a") is await get_childspec(root, await child(root, "a")) is spec


async def test_a_dynamic_child_is_found_by_its_reference() -> None:
    diary = Diary()
    async with company(crowd()) as root:
        sup = await child(root, "crowd")
        spec = worker("a", diary)
        one, other = await start_child_async(sup, spec), await start_child_async(sup, Worker, "b", diary)
        assert await which_child(sup, one) == ChildInfo("a", one, "worker", "running")
        assert await which_child(sup, other) == ChildInfo("", other, "worker", "running")
        assert await get_childspec(sup, one) is spec


@pytest.mark.parametrize("restart", ["permanent", "temporary"])
async def test_of_a_child_started_as_a_class_it_is_told_what_its_specification_would_be(restart: str) -> None:
    diary = Diary()
    options = {
        "restart": restart,
        "shutdown": 3,
        "start_timeout": 7,
        "keep_mail": False,
        "extra_arguments": ("b",),
    }
    async with company(crowd(**options)) as root:
        sup = await child(root, "crowd")
        either: Any = Worker  # type checkers do not know of the extra argument
        ref = await start_child(sup, either, diary)
        spec = await get_childspec(sup, ref)
        args = () if restart == "temporary" else ("b", diary)  # which are not kept
        assert (spec.id, spec.start, spec.args) == (ref.actor_urn, Worker, args)
        assert (spec.restart, spec.shutdown, spec.start_timeout) == (restart, 3, 7)
        assert (spec.keep_mail, spec.mailbox, spec.name) == (False, None, None)


@pytest.mark.parametrize(("name", "shown"), [("Ada", "Ada"), ("", None), (7, None)])
async def test_such_a_child_is_called_by_its_display_name_if_it_has_one(name: Any, shown: str | None) -> None:
    class Shown(Worker):
        display_name = name

    async with company(ChildSpec("crowd", DynamicSupervisor)) as root:
        sup = await child(root, "crowd")
        ref = await start_child(sup, Shown, "a", Diary())
        assert (await get_childspec(sup, ref)).id == (shown or ref.actor_urn)
