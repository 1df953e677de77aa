"""The shop's best customers beside the others: who stays, what they spend, whom they bring along.

VIPs are those who ever came into a flow with the tag ``vip``, by what they spent or by their tier, as that flow says.
"""

from __future__ import annotations

from datetime import timedelta

from flows.analytics.metrics.metric import LEFT, OTHERS, PERSON, VIP, Metric, of_customers, of_tag

KEPT_DAYS, YEAR = 90, 365
REFERRED = "custom:friend_referred"
"""What a referral programme tells of whoever has brought somebody along."""
_NO_VIPS = "Nobody has come into a flow with the tag vip yet: activate one of the VIP flows of the library."
_WHO_THEY_ARE = "VIPs are those who came into a flow with the tag vip."
_AGO = "CAST(:now AS timestamptz) - CAST(:within AS interval)"

VIP_RETENTION = Metric(
    name="vip_retention",
    title="VIPs who stay",
    says=f"Of the customers who were VIPs {KEPT_DAYS} days ago, those who have ordered since; beside the same of the"
    f" other customers of that day. {_WHO_THEY_ARE}",
    of="customers of that day",
    counts=of_customers(
        f"""
    SELECT CASE WHEN vips.since IS NULL THEN 'others' ELSE 'vip' END AS who, last_order_at > {_AGO} AS stayed
    FROM persons LEFT JOIN vips ON vips.person_id = persons.id
    WHERE shop_id = :shop_id AND id = ANY (CAST(:persons AS bigint[]))
        AND coalesce(vips.since, CASE WHEN orders_count > 0 THEN first_order_at END) <= {_AGO}""",  # noqa: S608
        whole="count(*)",
        hits="count(*) FILTER (WHERE stayed)",
    ),
    watches=of_tag(VIP),
    within=timedelta(days=KEPT_DAYS),
    groups=(VIP, OTHERS),
    nobody=f"Nobody was one {KEPT_DAYS} days ago.",
    of_shop=True,
)
VIP_REVENUE = Metric(
    name="vip_revenue",
    title="Revenue for each customer",
    says=f"What customers have bought for in the last {YEAR} days, after refunds, divided by how many of them have"
    f" ordered in that time. {_WHO_THEY_ARE}",
    of="customers",
    counts=of_customers(
        f"""
    SELECT CASE WHEN vips.since IS NULL THEN 'others' ELSE 'vip' END AS who, bought.*
    FROM (
        SELECT placed.person_id, sum(placed.worth) FILTER (WHERE placed.ours) AS amount,
            count(*) FILTER (WHERE NOT placed.ours) AS foreign_orders
        FROM {PERSON} (
            SELECT person_id, {LEFT} AS worth, coalesce(currency, :currency) = :currency AS ours FROM orders AS placed
            WHERE shop_id = :shop_id AND person_id = person.id AND created_at > {_AGO} OFFSET 0
        ) AS placed WHERE placed.worth IS NOT NULL GROUP BY placed.person_id
    ) AS bought LEFT JOIN vips ON vips.person_id = bought.person_id""",  # noqa: S608
        whole="count(*) FILTER (WHERE amount IS NOT NULL)",
        waiting="sum(foreign_orders)",
        amount="coalesce(sum(amount), 0)",
    ),
    watches=of_tag(VIP),
    within=timedelta(days=YEAR),
    kind="average",
    groups=(VIP, OTHERS),
    nobody="None of them has ordered in this time.",
    of_shop=True,
)
VIP_REFERRALS = Metric(
    name="vip_referrals",
    title="VIPs who bring others along",
    says=f"Of the VIPs, those who have brought somebody along in the last {YEAR} days. {_WHO_THEY_ARE}",
    of="VIPs",
    counts=of_customers(
        f"""
    SELECT '' AS who, EXISTS (
        SELECT FROM events WHERE events.shop_id = :shop_id AND events.person_id = vips.person_id
            AND events.occurred_at > {_AGO} AND events.name = '{REFERRED}'
    ) AS brought FROM vips""",  # noqa: S608
        whole="count(*)",
        hits="count(*) FILTER (WHERE brought)",
    ),
    watches=of_tag(VIP),
    within=timedelta(days=YEAR),
    nobody=_NO_VIPS,
    untold="No referral is known. Neither Shopify nor Brevo tells who brought whom: have your referral programme tell"
    " it by the events API, as an own event friend_referred of whoever has brought somebody along.",
    of_shop=True,
)
