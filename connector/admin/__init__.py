"""The admin: pages for staff and for merchants, stand-alone and inside the Shopify admin. Used by connector.app only.

Who may do what stands in ``access``; ``frame`` asks it before every request, so that a page decides nothing of it.
"""
