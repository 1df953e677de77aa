"""What the tables about people and their consent hold of them."""

from __future__ import annotations

from uuid import UUID

from connector.models.identity import identity_conflicts, left_contacts, person_merges
from connector.models.loyalty import loyalty_states
from connector.models.mapping import profile_fields
from connector.models.person import (
    consent_ledger,
    consents,
    double_opt_ins,
    identities,
    person_work,
    persons,
    suppressions,
)
from connector.models.privacy import erasures, privacy_requests
from connector.models.survey import address_opt_outs
from connector.models.told import form_answers, support_tickets
from connector.models.whatsapp import whatsapp_numbers
from sync.privacy.held import PERSON, Blank, Delete, Held, Keep, whose

HELD = (
    Held(
        persons,
        "the profile that messages and conditions read",
        Blank(
            "links and work under way still name the number; without a row it could be taken for somebody unknown",
            {
                # It is made from the address.
                "seed": UUID(int=0),
                "email": None,
                "phone": None,
                "first_name": None,
                "last_name": None,
                "locale": None,
                "country": None,
                "region": None,
                "city": None,
                "timezone": None,
                "customer_id": None,
                "tags": [],
                "orders_count": 0,
                "total_spent": 0,
                "first_order_at": None,
                "last_order_at": None,
                "source_updated_at": None,
                "customer_deleted_at": None,
            },
        ),
        {
            "seed": "what chance is hashed from, made from the address",
            "email": "address",
            "phone": "number",
            "first_name": "name",
            "last_name": "name",
            "locale": "language",
            "country": "where they live",
            "region": "where they live",
            "city": "where they live",
            "timezone": "where they live",
            "customer_id": "the store's id of them",
            "tags": "what the merchant notes of them",
            "orders_count": "how often they bought",
            "total_spent": "for how much they bought",
            "first_order_at": "when they bought",
            "last_order_at": "when they bought",
            "source_updated_at": "when they last changed",
            "customer_deleted_at": "that the store forgot them",
        },
        "shop_id id version emptied_version created_at erased_at merged_into",
        whose("id"),
    ),
    Held(
        profile_fields,
        "what the merchant maps beside the profile",
        Delete(),
        {"value": "metafields, notes, postal address"},
        "shop_id person_id source",
        PERSON,
    ),
    Held(
        form_answers,
        "what the person answered, for conditions, messages and attributes",
        Delete(),
        {"form": "which form they filled in", "name": "what they were asked", "value": "what they answered"},
        "shop_id person_id answered_at",
        PERSON,
    ),
    Held(
        loyalty_states,
        "where the person stands in the merchant's loyalty programme",
        Delete(),
        {
            "points": "how many points they have",
            "tier": "their tier",
            "reward": "a reward that waits for them",
            "expires_at": "until when it holds",
            "last_tier": "the tier they had",
            "told": "who said so, and when",
        },
        "shop_id person_id changed_at version unwritten",
        PERSON,
    ),
    Held(
        support_tickets,
        "whether marketing waits because the person waits for help",
        Delete(),
        {"ticket": "the help desk's number", "opened_at": "when they asked", "closed_at": "when it was settled"},
        "shop_id person_id",
        PERSON,
    ),
    Held(
        identities,
        "what resolves a cart, a checkout or an address to the person",
        Delete(),
        {"kind": "what they are known by", "value": "address, id or token", "since": "since when"},
        "shop_id person_id",
        PERSON,
    ),
    Held(
        person_merges,
        "who turned out to be one person",
        Delete(),
        {"gone_id": "who they were taken for", "reason": "why it was seen"},
        "shop_id id person_id at moved",
        f"({PERSON} OR {whose('gone_id')})",
    ),
    Held(
        identity_conflicts,
        "what contradicts itself, for staff to decide",
        Delete(),
        {"value": "number, address or customer id", "other_id": "with whom", "resolution": "what staff said"},
        "shop_id id kind person_id noted_at resolved_at",
        f"({PERSON} OR {whose('other_id')})",
    ),
    Held(
        left_contacts,
        "contacts at Brevo that a merge left over",
        Delete(),
        {"email": "address", "gone_id": "who they were taken for"},
        "shop_id person_id",
        f"({PERSON} OR {whose('gone_id')})",
    ),
    Held(
        person_work,
        "the person's lock, and whether something is undecided",
        Keep("work under way still takes the lock; it tells nothing but a number"),
        {},
        "shop_id person_id pending since_real",
    ),
    Held(
        consents,
        "what the person agrees to now, which the gate reads",
        Delete(),
        {
            "state": "what they agree to",
            "level": "how firmly",
            "source": "who said so",
            "evidence_at": "when they said so",
        },
        "shop_id person_id channel purpose",
        PERSON,
    ),
    Held(
        consent_ledger,
        "the evidence of consent",
        Delete(),
        {
            "state": "what they agreed to",
            "level": "how firmly",
            "source": "who said so",
            "evidence_at": "when they said so",
            "evidence": "what shows it",
        },
        "shop_id id person_id channel purpose recorded_at verdict",
        PERSON,
    ),
    Held(
        double_opt_ins,
        "which confirmations the person was asked for, so that nobody is asked twice",
        Delete(),
        {"asked_at": "when they were asked", "outcome": "what became of it"},
        "shop_id person_id ledger_id n",
        PERSON,
    ),
    Held(
        suppressions,
        "addresses that are never to be written to again",
        Keep("a digest: it keeps somebody who comes back from being mailed, and does not tell who it is"),
        {},
        "shop_id channel address_digest reason since",
    ),
    Held(
        address_opt_outs,
        "opt-outs of addresses that nobody may have here yet",
        Keep("a digest: it keeps somebody who comes back from being mailed, and does not tell who it is"),
        {},
        "shop_id channel address_digest state source since",
    ),
    Held(
        whatsapp_numbers,
        "when a number last wrote, or had enough: for a day",
        Keep("a digest: it does not tell who it is, and goes after a day"),
        {},
        "shop_id number_digest replied_at wait_until of_use_until",
    ),
    Held(
        erasures,
        "what keeps an erased person from being brought back by what arrives late",
        Keep("a digest: it does not tell who it is"),
        {},
        "shop_id digest kind erased_at",
    ),
    Held(
        privacy_requests,
        "what was asked for by law, and the receipts",
        # By rules of its own (sync.privacy.work, requests.withdraw).
        Blank("the receipt is the proof", {"named": {}, "reason": None}),
        {"named": "whom the request names, until it is carried out", "reason": "what a platform said"},
        "shop_id id kind source reference customer_digest person_id state stage sealed scanned top received_at due_at"
        " due_real lease_real attempts done_at receipt",
        PERSON,
    ),
)
