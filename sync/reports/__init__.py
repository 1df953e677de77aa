"""What Brevo tells: what became of messages, what was changed about contacts there, and everything else it reports.

A report comes by webhook (``webhooks/topics/brevo_*``) or is found in Brevo's statistics (``passes``), and is applied
by the same functions, so that it counts once however often and in whatever order it is told (ADR 25).
"""
