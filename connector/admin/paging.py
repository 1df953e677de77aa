"""Pages of lists by key, as the admin's pages ask for them."""

from __future__ import annotations

from connector.paging import LONGEST, SIZE, Page, after, page

__all__ = ["LONGEST", "SIZE", "Page", "after", "page"]
