"""Flows in virtual time: the core that decides about real people decides about invented ones, in memory.

Nothing is sent and no platform is asked: what would leave is written down, and taken as accepted at once.
"""
