"""Random histories of consent, told by the store, Brevo, staff and imports in any order; and what must come of them.

``agreed`` is the oracle: a rule in a few lines that knows nothing of how the product decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from connector.clock import pause
from sync import consent, people
from tests.engine.installation import DAY, HOUR, START, ConnectedShop
from tests.engine.payloads import reported
from tests.engine.shoppers import hand_over
from tests.sandbox.store_process import SHOP, Receiver, StoreProcess

WEAK = frozenset({"import", "box"})
SOURCES = {"email": ("store", "store", "brevo", "admin", "import", "box"), "sms": ("store", "admin", "import")}
LETTER = """---
subject: Hello
purpose: marketing
deadline: 9d
---
<p>Hello</p>
"""
FLOW = "flow: hello\nname: Hello\ntrigger: {on: tag_added}\nreentry: always\nsteps: [{email: hello}]\n"


@dataclass(frozen=True)
class Act:
    """What somebody said, in which hour, and to whom."""

    channel: str
    source: str
    yes: bool
    hour: int


@dataclass(frozen=True)
class Human:
    email: str
    phone: str
    acts: tuple[Act, ...]


def agreed(acts: Sequence[Act], channel: str) -> bool:
    """The oracle: a yes that is newer than every no; one that nobody vouches for only where there never was a no."""
    noes = [act.hour for act in acts if act.channel == channel and not act.yes]
    yeses = [act.hour for act in acts if act.channel == channel and act.yes and act.source not in WEAK]
    if yeses:
        return max(yeses) > max(noes, default=-1)
    return not noes and any(act.channel == channel and act.yes for act in acts)


def refused(acts: Sequence[Act], channel: str) -> bool:
    """Whether the person said no and has not come back."""
    return any(act.channel == channel and not act.yes for act in acts) and not agreed(acts, channel)


def humans(random: Random, name: str, count: int) -> list[Human]:
    """Hours are few, so that evidence often has the same time."""
    made = []
    for number in range(count):
        acts = []
        for _ in range(random.randint(1, 6)):
            channel = random.choice(("email", "email", "sms"))
            source = random.choice(SOURCES[channel])
            yes = source == "box" or (source != "brevo" and random.random() < 0.55)
            acts.append(Act(channel, source, yes, random.randint(0, 5)))
        email = f"{name}-{number}@example.com"
        made.append(Human(email, f"+3361{random.randint(0, 9_999_999):07d}", tuple(acts)))
    return made


class Stage:
    """One shop, the store that it is, and the people in it."""

    def __init__(self, shop: ConnectedShop, store: StoreProcess, webhooks: Receiver, random: Random) -> None:
        self.shop, self.store, self.webhooks, self.random = shop, store, webhooks, random

    def play(self, crowd: Sequence[Human]) -> None:
        """Everybody does what they do; the news of it come shuffled, some twice, with work done in between."""
        product = self.shop.installation
        product.at(START + DAY / 2)
        for human in crowd:
            self.store.act("create_customer", email=human.email, phone=human.phone)
        self._hear()
        news = [tell for human in crowd for tell in self._news(human)]
        news += self.random.sample(news, len(news) // 3)
        self.random.shuffle(news)
        for part in (news[: len(news) // 2], news[len(news) // 2 :]):
            for tell in part:
                tell()
            self._hear()
        # A yes of the last 24 hours is not written to the store, which would welcome whoever it is.
        product.at(START + 4 * DAY)
        product.skip(4 * 86_400)
        self._hear()
        for human in crowd:
            self.store.act("add_tags", email=human.email, tags=["reader"])
        self._hear()

    def _hear(self) -> None:
        """Take what the store has sent, do what is due, until the store has nothing more to say."""
        while True:
            quiet(self.webhooks)
            received, self.webhooks.received = self.webhooks.received, []
            hand_over(self.shop, received)
            self.shop.installation.settle()
            quiet(self.webhooks)
            if not self.webhooks.received:
                return

    def _news(self, human: Human) -> Iterator[Callable[[], None]]:
        """In the store things happen in their order; what is heard of them is given out one by one."""
        told = [act for act in human.acts if act.source == "store"]
        for act in sorted(told, key=lambda act: (act.hour, not act.yes)):
            at = (START + act.hour * HOUR).timestamp()
            state = "subscribed" if act.yes else "unsubscribed"
            level = {"opt_in_level": "single_opt_in"} if act.yes else {}
            self.store.act("set_consent", email=human.email, channel=act.channel, state=state, at=at, **level)
        quiet(self.webhooks)
        received, self.webhooks.received = self.webhooks.received, []
        for one in received:
            yield lambda one=one: hand_over(self.shop, [one])
        for act in human.acts:
            if act.source != "store":
                yield lambda act=act: self._tell(human, act)

    def _tell(self, human: Human, act: Act) -> None:
        at = START + act.hour * HOUR
        if act.source == "brevo":
            self.shop.deliver("transactional", reported("unsubscribed", human.email, at), source="brevo")
            return
        with self.shop.scope() as scope:
            found = people.identify(scope, email=human.email)
            assert found is not None
            consent.record(
                scope,
                found.person_id,
                act.channel,
                "subscribed" if act.yes else "unsubscribed",
                source="checkout" if act.source == "box" else act.source,
                evidence_at=at,
                implied=act.source == "box",
                historical=act.source == "import",
            )

    def wrongs(self, crowd: Sequence[Human]) -> list[str]:
        """What is not as the oracle says, counted at the provider and in the store."""
        contacts, mailed = self.shop.contacts(), {mail["to"] for mail in self.shop.mails()}
        customers = {one["email"]: one for one in self.store.get("state")["shops"][SHOP]["customers"]}
        wrong = []
        for human in crowd:
            contact, customer = contacts[human.email], customers[human.email]
            email = agreed(human.acts, "email")
            checks = {
                "mailed": (human.email in mailed, email),
                "on the list": (bool(contact["listIds"]), email),
                "email blocklist": (contact["emailBlacklisted"], refused(human.acts, "email")),
                "sms blocklist": (contact["smsBlacklisted"], refused(human.acts, "sms")),
            }
            for channel, field in (("email", "consent"), ("sms", "sms_consent")):
                if refused(human.acts, channel):
                    checks[f"store subscribes {channel}"] = (customer[field] == "subscribed", False)
                elif any(act.channel == channel and act.yes and act.source not in WEAK for act in human.acts):
                    checks[f"store knows {channel}"] = (customer[field], "subscribed")
            wrong += [
                f"{human.email}: {what}: {human.acts}" for what, (found, right) in checks.items() if found != right
            ]
        return wrong


def quiet(webhooks: Receiver, seconds: float = 0.06) -> None:
    """Until the store has sent nothing for a moment."""
    count = -1
    while count != len(webhooks.received):
        count = len(webhooks.received)
        pause(seconds)
