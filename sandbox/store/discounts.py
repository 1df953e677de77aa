"""Discounts with codes: what the platform takes, and what a code is good for at a checkout."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

# Wire seconds after which codes that were added in bulk are there.
ADDED_AFTER_SECONDS = 0.3
MOST_ADDED = 250
LONGEST_CODE = 255


@dataclass(eq=False, slots=True)
class RedeemCode:
    """One code. `used`: the customers that have."""

    id: int
    code: str
    discount: Discount
    used: list[int] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Discount:
    """An amount off for whoever knows one of its codes. Moments are business time; `percentage` is a part of 1."""

    id: int
    title: str
    starts_at: float
    ends_at: float | None
    usage_limit: int | None
    once_per_customer: bool
    percentage: float | None
    amount: Decimal | None
    minimum: Decimal | None
    created_at: float
    codes: list[RedeemCode] = field(default_factory=list)

    def off(self, subtotal: Decimal) -> Decimal:
        """What it takes off."""
        if self.amount is not None:
            return min(self.amount, subtotal)
        return (subtotal * Decimal(str(self.percentage or 0))).quantize(Decimal("0.01"))


@dataclass(eq=False, slots=True)
class Addition:
    """Codes that are being added in bulk, until `done_at` in wire time. `refused`: {code: why}."""

    id: int
    discount: Discount
    wanted: list[str]
    created_at: float
    done_at: float
    done: bool = False
    made: dict[str, RedeemCode] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


class Discounts:
    """The discounts of one shop. Its codes are told apart without regard to case."""

    def __init__(self) -> None:
        self.by_id: dict[int, Discount] = {}
        self.additions: dict[int, Addition] = {}
        self._codes: dict[str, RedeemCode] = {}
        self._numbers = 0

    def next_id(self) -> int:
        self._numbers += 1
        return 1_400_000_000_000 + self._numbers

    def find(self, code: str) -> RedeemCode | None:
        return self._codes.get(code.strip().lower())

    def add(self, discount: Discount, code: str) -> RedeemCode:
        """Give it a code that nobody has. Raises ValueError."""
        if self.find(code) is not None:
            raise ValueError("Code must be unique. Please try a different code.")
        made = RedeemCode(self.next_id(), code, discount)
        self.by_id[discount.id] = discount
        discount.codes.append(made)
        self._codes[code.strip().lower()] = made
        return made

    def delete(self, discount: Discount) -> None:
        del self.by_id[discount.id]
        for one in discount.codes:
            del self._codes[one.code.strip().lower()]

    def settle(self, wire: float) -> None:
        """Finish the additions that have had their time."""
        for addition in self.additions.values():
            if not addition.done and addition.done_at <= wire:
                self._finish(addition)

    def _finish(self, addition: Addition) -> None:
        addition.done = True
        for code in addition.wanted:
            if addition.discount.id not in self.by_id:
                addition.refused[code] = "The discount does not exist."
                continue
            try:
                addition.made[code] = self.add(addition.discount, code)
            except ValueError:
                addition.refused[code] = "must be unique. Please try a different code."

    def redeem(self, code: str, customer_id: int, subtotal: Decimal, now: float) -> Decimal:
        """Use a code for an order of so much; what it takes off. Raises ValueError as a checkout would say it."""
        found = self.find(code)
        if found is None:
            raise ValueError(f"Enter a valid discount code: {code}")
        discount = found.discount
        if now < discount.starts_at or (discount.ends_at is not None and now >= discount.ends_at):
            raise ValueError(f"{code} discount code isn't available right now")
        if discount.usage_limit is not None and len(found.used) >= discount.usage_limit:
            raise ValueError(f"{code} discount code has reached its usage limit")
        if discount.once_per_customer and any(customer_id in one.used for one in discount.codes):
            raise ValueError(f"{code} discount code has been used by this customer")
        if discount.minimum is not None and subtotal < discount.minimum:
            raise ValueError(f"{code} discount code needs an order of {discount.minimum} at least")
        found.used.append(customer_id)
        return discount.off(subtotal)
