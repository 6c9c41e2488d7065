"""Orders of the demo traffic: most are paid at once, some never; one value decides which."""

from collections import deque
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

from bxpull_nb.sandbox.demo_event import DemoEvent

__all__ = ["cause_of_unpaid", "orders"]

_CHOICES: dict[str, list[str]] = {
    "paySystem": ["card", "bank transfer", "cash", "wallet"],
    "region": ["north", "south", "восток", "west"],
    "delivery.method": ["courier", "post", "pickup"],
}
_GOODS = ["chair", "lamp", "стол", "paper", "printer"]


def cause_of_unpaid(seed: int) -> tuple[str, str]:
    """Return the path and the value that keep most orders of this seed from being paid."""
    rng = Random(f"cause {seed}")  # noqa: S311 - plausible traffic, no secrets
    path = rng.choice(list(_CHOICES))
    return path, rng.choice(_CHOICES[path])


def orders(rng: Random, seed: int, payments: deque[DemoEvent]) -> Iterator[DemoEvent]:
    """Yield orders, and the end of those without payment; put payments that follow into a queue."""
    path, value = cause_of_unpaid(seed)
    for number in count(70_001):
        order = _new_order(rng, number)
        risk = 0.8 if _chosen(order, path) == value else 0.04
        is_paid = rng.random() >= risk
        if is_paid:
            payment = {"orderId": number, "paymentId": number + 20_000, "sum": order["total"]}
            payments.append(_of_order("paymentAdd", {**payment, "state": "paid"}, "paid"))
        yield _of_order("orderAdd", order, "new")
        if not is_paid:
            cancelled = {"orderId": number, "reason": "not paid", "state": "cancelled"}
            yield _of_order("orderCancel", cancelled, "cancelled")


def _of_order(command: str, params: dict[str, Any], state: str) -> DemoEvent:
    entities = (("order", str(params["orderId"])),)
    return DemoEvent("application", command, params, "shared", entities, state)


def _new_order(rng: Random, number: int) -> dict[str, Any]:
    items = [_new_item(rng) for _ in range(rng.randint(1, 3))]
    total = round(sum(item["quantity"] * item["price"] for item in items), 2)
    return {
        "orderId": number,
        "state": "new",
        "total": total,
        "paySystem": rng.choice(_CHOICES["paySystem"]),
        "region": rng.choice(_CHOICES["region"]),
        "delivery": {"method": rng.choice(_CHOICES["delivery.method"]), "cost": rng.randint(0, 9)},
        "items": items,
    }


def _new_item(rng: Random) -> dict[str, Any]:
    price = rng.randint(5, 400) + 0.5
    return {"sku": rng.choice(_GOODS), "quantity": rng.randint(1, 4), "price": price}


def _chosen(order: dict[str, Any], path: str) -> Any:
    value: Any = order
    for key in path.split("."):
        value = value[key]
    return value
