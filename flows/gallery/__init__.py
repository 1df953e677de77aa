"""The messages of the library as people would see them: ``make gallery`` writes ``docs/gallery/``.

A tool of those who write messages. Nothing of the product imports it, and the browser that it needs is no part of what
is installed with the product.
"""
