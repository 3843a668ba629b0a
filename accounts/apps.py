"""People and what they may see, sign-in limits, the audit of who did what."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and what they may see, sign-in limits, the audit of who did what."""

    name = "accounts"

    def ready(self) -> None:
        """Keep changes of people and roles in the audit log; have what follows from roles follow; time sessions."""
        from auditlog.registry import auditlog
        from django.contrib.auth import get_user_model
        from django.contrib.auth.signals import user_logged_in

        from accounts import following, shell
        from accounts.models import CompanyRole
        from accounts.sessions import note_sign_in

        # That a password changed is logged, never a part of what it is stored as.
        auditlog.register(
            get_user_model(),
            exclude_fields=["last_login"],
            mask_fields=["password"],
            mask_callable="accounts.people.mask_secret",
            m2m_fields={"groups", "user_permissions"},
        )
        user_logged_in.connect(note_sign_in)
        auditlog.register(CompanyRole)
        following.connect()
        shell.register()
