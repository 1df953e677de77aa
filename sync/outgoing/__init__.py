"""Addresses of the merchant that are told what happens, by the rules of Standard Webhooks (ADR 34)."""
