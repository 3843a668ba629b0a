"""What a page says while a sign-in takes place in another window."""

from connection_setup.connection.endpoints import SIGN_IN_HOST

WAITING = "Waiting for the sign-in"
ELSEWHERE = (
    f"It continues in another window. If you see none, allow pop-ups from {SIGN_IN_HOST} and from this site, or "
)
BELOW = f"{ELSEWHERE}sign in again below, in this window."
BY_BUTTON = f"{ELSEWHERE}choose Sign in in this window."
PAGE_SAYS = (
    "If Microsoft's page itself shows an error, nothing comes back here. AADSTS50011: add the Redirect URL to the "
    "registration. AADSTS50105: have this person assigned to the application."
)
"""What Microsoft's page shows and never tells an application."""
SEVERAL_TENANTS = "AADSTS50194: enter Administrator's tenant below, or make the registration multi-tenant."
