"""What every answer of the admin carries: a policy that lets run what is ours, and who may put it into a frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.admin.office import Office
from tests.admin.programs import program
from tests.admin.routes import shown
from tests.admin.test_session_tokens import signed
from tests.content.mailbox import elements
from tests.sandbox.store_process import OTHER_SHOP, SHOP


def policy(answer: Any) -> Mapping[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))


def faults(answer: Any) -> list[str]:
    """What is wrong with the headers of a page that nobody else may frame."""
    said, headers = policy(answer), answer.headers
    # A message in a frame of ours: it has styles and pictures of its own, and nothing in it runs.
    if "sandbox" in said:
        wanted = {
            "sandbox": said["sandbox"] == "",
            "no script": not {"script-src", "connect-src"} & set(said) and "unsafe-eval" not in str(said),
            "in our frames only": said["frame-ancestors"] == "'self'",
        }
    else:
        page = answer.text if answer.mimetype == "text/html" else ""
        scripts = [attributes for name, attributes in elements(page) if name == "script"]
        wanted = {
            "nothing unsafe": "unsafe" not in str(said),
            "scripts by nonce": "script-src" not in said or all(
                said["script-src"] == f"'nonce-{one['nonce']}'" for one in scripts
            ),
            "no frame": said["frame-ancestors"] == "'none'" and headers["X-Frame-Options"] == "DENY",
            "forms to us": said["form-action"] == "'self'",
        }  # fmt: skip
    wanted |= {
        "nothing by default": said["default-src"] == "'none'",
        "no base": said["base-uri"] == "'none'",
        "not kept": headers["Cache-Control"] == "no-store",
        "no guessing": headers["X-Content-Type-Options"] == "nosniff",
        "no referrer outside": headers["Referrer-Policy"] in ("same-origin", "no-referrer"),
        "own window": headers["Cross-Origin-Opener-Policy"] == "same-origin",
    }
    return [what for what, holds in wanted.items() if not holds]


def test_every_page_forbids_what_is_not_ours(office: Office) -> None:
    browser, nonces = office.browser(office.hire("owner")), set()
    outside = [(path, browser.get(path)) for path in ("/admin/sign-in", "/admin/shops/999/", "/admin/nowhere")]
    for path, answer in [*shown(office, office.desks[0], browser), *outside]:
        assert faults(answer) == [], path
        nonces.add(policy(answer).get("script-src"))
    assert len(nonces) > 15
    # The control: a page without its policy is found.
    answer.headers["Content-Security-Policy"] = "default-src *; base-uri 'none'; frame-ancestors *; form-action 'self'"
    assert {"nothing by default", "no frame"} <= set(faults(answer))


def test_only_the_shops_own_admin_may_frame_its_pages(office: Office) -> None:
    """In the Shopify admin, which is one that was proven: by the token, never by a parameter."""
    mine, _ = office.desks
    token = signed(office)
    client = office.app.test_client()
    for path in ("", "people", f"people/{mine.person}", "syncs", "flows", f"flows/{mine.flow}", "nowhere"):
        address = f"{mine.path}/{path}"
        answer = client.get(f"{address}?shop={OTHER_SHOP}", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code == 404:
            continue
        said = policy(answer)
        assert said["frame-ancestors"] == f"https://{SHOP} https://admin.shopify.com", path
        assert "X-Frame-Options" not in answer.headers and OTHER_SHOP not in str(said)
        assert "unsafe" not in str(said) and said["script-src"].count("nonce-") == 1
    unproven = client.get(f"{mine.path}/?shop={SHOP}", headers={"Authorization": "Bearer nonsense"})
    assert unproven.status_code == 401 and policy(unproven)["frame-ancestors"] == "'none'"


def test_answers_for_programs_are_no_pages(office: Office) -> None:
    asking = program(office, office.desks[0], "read-only")
    for answer in (asking.get("flows"), asking.get("nothing"), asking.client.get("/admin-api/v1/flows")):
        assert policy(answer)["default-src"] == "'none'" and policy(answer)["frame-ancestors"] == "'none'"
        assert answer.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in answer.headers
        assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]
