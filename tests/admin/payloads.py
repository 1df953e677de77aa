"""What people write into fields to have it run in somebody else's browser.

The control of the list: each of the first ones runs where it is not escaped (tests/admin/test_script_in_browser.py).
"""

from __future__ import annotations

# Run by themselves in a page that takes them as they are.
RUNNING = (
    "<script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<script/x>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><img src=x onerror=alert(1)>",
    "'><img src=x onerror=alert(1)>",
    "<IMG SRC=x OnErRoR=alert(1)>",
    "<img/src='x'/onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><svg/onload=alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<input autofocus onfocus=alert(1)>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
)  # fmt: skip
# In an attribute, an address, a template, another parser.
ELSEWHERE = (
    "\" onmouseover=\"alert(1)\" x=\"",
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{7*7}}{{constructor.constructor('alert(1)')()}}",
    "{% raw %}<script>alert(1)</script>{% endraw %}",
    "${alert(1)}",
    "\\u003cscript\\u003ealert(1)\\u003c/script\\u003e",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<a href=\"javascript:alert(1)\" id=x>x</a>",
    "<form action=\"javascript:alert(1)\"><button>x</button></form>",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
    "<base href=\"javascript:alert(1)//\">",
    "<div hx-on:click=alert(1) hx-get=/x hx-trigger=load>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
)  # fmt: skip
PAYLOADS = (*RUNNING, *ELSEWHERE)
