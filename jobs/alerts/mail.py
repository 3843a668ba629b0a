"""Sending an alert by mail, through the server of EMAIL_URL."""

import smtplib
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from jobs.alerts.webhook import Sent

NO_SERVER = "No mail server is set up, so no mail is sent. Whoever runs the server names one by EMAIL_URL."


def send(address: str, subject: str, text: str, delivery: str) -> Sent:
    """Send a mail; delivery: the message's id, in the mail's own too. Whatever goes wrong is in the answer."""
    if not settings.MAIL_IS_SET_UP:
        return Sent(False, NO_SERVER)
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    headers = {"Message-ID": f"<{delivery}@{host}>", "Auto-Submitted": "auto-generated"}
    try:
        EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [address], headers=headers).send()
    except smtplib.SMTPRecipientsRefused:
        return Sent(False, "The mail server does not take mail for this address.")
    except smtplib.SMTPAuthenticationError:
        return Sent(False, "The mail server refused the sign-in of EMAIL_URL.")
    except smtplib.SMTPResponseException as error:
        return Sent(False, f"The mail server refused the mail with {error.smtp_code}.")
    except (OSError, smtplib.SMTPException) as error:
        return Sent(False, f"The mail server did not take the mail ({type(error).__name__}).")
    except ValueError:  # a header that mail does not allow
        return Sent(False, "This is no address that mail can be sent to.")
    return Sent(True, "The mail server took the mail.")
