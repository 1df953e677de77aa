"""Flows: who gets which message when, and when it stops. `flows.core` decides, `flows.engine` carries out."""
