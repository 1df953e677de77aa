"""One Brevo account with every call that the product makes of it: one module for each family of calls."""

from __future__ import annotations

from connector.brevo.account_calls import AccountCalls
from connector.brevo.commerce_calls import CommerceCalls
from connector.brevo.contact_calls import ContactCalls
from connector.brevo.coupon_calls import CouponCalls
from connector.brevo.email_calls import EmailCalls
from connector.brevo.import_calls import ImportCalls
from connector.brevo.list_calls import ListCalls
from connector.brevo.report_calls import ReportCalls
from connector.brevo.sms_calls import SmsCalls
from connector.brevo.template_calls import TemplateCalls
from connector.brevo.webhook_calls import WebhookCalls
from connector.brevo.whatsapp_calls import WhatsappCalls


class BrevoAccount(
    AccountCalls,
    ContactCalls,
    CommerceCalls,
    CouponCalls,
    EmailCalls,
    ImportCalls,
    ListCalls,
    ReportCalls,
    SmsCalls,
    TemplateCalls,
    WebhookCalls,
    WhatsappCalls,
):
    """Calls on behalf of one shop. Take from the limiter before claiming the work that the call is for.

    Every method raises a ProviderError that says what to do next; ``after`` of a Retry is in machine seconds.
    """
