"""Loyalty data of people: points, tier, reward and expiry, as far as they are kept in step.

``standing`` says what a word changes, ``keeping`` writes it down, ``port`` and the modules beside it read the source
that the shop has chosen and write to it.
"""
