"""The environment, read in one place.

Every variable may also be given as NAME_FILE: the path of a file that holds the value (for secrets that an
orchestrator mounts). A value that cannot be used stops the start with a sentence that names the variable.
"""

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

_env = environ.FileAwareEnv()

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_MAIL = (
    "EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL",
)  # fmt: skip
_OURS = ("secret-key", "field-encryption-key", "tandem.sqlite3")


def text(name: str, default: str = "") -> str:
    """Return the variable's text, or the default where it is absent."""
    try:
        value: str = _env.str(name, default=default)
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names a file that cannot be read: {error.strerror}.") from error
    return value.strip()


def file_of(name: str) -> str:
    """Return the path that NAME_FILE names; "" where the value does not come from a file."""
    return os.environ.get(f"{name}_FILE", "")


def flag(name: str, default: bool) -> bool:
    """Return a yes or no; 1/0, true/false, yes/no and on/off are understood."""
    value = text(name, "1" if default else "0").lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; it must be 1 or 0.")


def number(name: str, default: float, *, least: float, most: float) -> float:
    """Return a number within bounds (both included)."""
    value = text(name, str(default))
    try:
        result = float(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a number.") from None
    if not least <= result <= most:
        raise ImproperlyConfigured(f"{name} is {value}; it must lie between {least:g} and {most:g}.")
    return result


def whole_number(name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number within bounds (both included)."""
    value = number(name, default, least=least, most=most)
    if value != int(value):
        raise ImproperlyConfigured(f"{name} is {text(name)}; it must be a whole number.")
    return int(value)


def choice(name: str, default: str, allowed: Collection[str], example: str = "") -> str:
    """Return one of the allowed words."""
    value = text(name, default)
    if value not in allowed:
        must = f"it must be one such as {example}" if example else f"it must be one of {', '.join(allowed)}"
        raise ImproperlyConfigured(f"{name} is {value!r}; {must}.")
    return value


def url(name: str, default: str, schemes: Collection[str]) -> str:
    """Return an address with one of the schemes and a host; "" where it is absent and there is no default."""
    value = text(name, default)
    if not value:
        return value
    # The address may hold a password, so only what comes before the colon is said.
    scheme = value.partition(":")[0] if ":" in value else ""
    must = f"it must be an address such as {next(iter(schemes))}://HOST"
    try:
        found = urlsplit(value)
        if found.scheme not in schemes or not (found.hostname or found.scheme == "unix"):
            raise ImproperlyConfigured(f"{name} begins with {scheme!r}; {must}.")
        _ = found.port
    except ValueError:
        raise ImproperlyConfigured(f"{name} cannot be read; {must}.") from None
    return value


def mail() -> dict[str, Any]:
    """Return Django's settings for the mail server in EMAIL_URL; none where it is absent, so that no mail is sent."""
    address = url("EMAIL_URL", "", ("smtp+tls", "smtp+ssl", "smtp"))
    if not address:
        return {}
    described = environ.Env.email_url_config(address)
    found = {name: described[name] for name in _MAIL if described.get(name)}
    found["DEFAULT_FROM_EMAIL"] = sender = text("EMAIL_FROM", str(found.get("EMAIL_HOST_USER", "")))
    if "@" not in sender:
        raise ImproperlyConfigured(
            f"EMAIL_FROM is {sender!r}; with EMAIL_URL it must be the address that mail comes from."
        )
    return found


def names(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list, blanks dropped."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def database(state: Path) -> dict[str, object]:
    """Django's description of the database in DATABASE_URL; SQLite in the state folder where it is absent."""
    url = text("DATABASE_URL")
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(state / "tandem.sqlite3")}
    scheme = urlsplit(url).scheme
    if scheme not in {"sqlite", "postgres", "postgresql"}:
        raise ImproperlyConfigured(f"DATABASE_URL begins with {scheme!r}; it must be a sqlite: or postgresql: address.")
    try:
        described: dict[str, object] = environ.Env.db_url_config(url)
    except Exception as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read as an address: {error}.") from error
    if not described.get("NAME"):
        raise ImproperlyConfigured("DATABASE_URL names no database; it must end with /NAME.")
    return described


def private_file(path: Path, make: str) -> str:
    """Return the text of a file only its owner can read, holding `make` the first time.

    Written aside and linked into place, so that of two processes starting at once neither reads half a file.
    """
    if not path.exists():
        descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # made with mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(make)
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        Path(aside).unlink()
    return path.read_text().strip()


def state_folder(base: Path) -> Path:
    """Return the folder for what this installation keeps on disk; made, private, when absent."""
    state = Path(text("STATE_DIR", str(base / ".state"))).expanduser().absolute()
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"STATE_DIR is {state}; it cannot be made: {error.strerror}.") from error
    if any((state / name).exists() for name in _OURS):
        # Ours for sure, and not a folder like /tmp that somebody named: closed even if it was made by other hands.
        _close(state, 0o700)
        for path in (*state.glob("beat*"), *state.glob("log/*"), *state.glob("broker/*/*")):
            make_private(path)
    return state


def make_private(path: Path) -> None:
    """Take the rights of others from a file of ours and what SQLite keeps beside it; what is not ours stays."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        _close(path.with_name(name), 0o600)


def _close(path: Path, mode: int) -> None:
    with contextlib.suppress(OSError):
        found = path.stat()
        if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(mode)


def secret_key(state: Path) -> str:
    """SECRET_KEY, or a key made once in the state folder."""
    key = text("SECRET_KEY")
    if not key:
        key = private_file(state / "secret-key", secrets.token_urlsafe(64))
    if len(key) < 32:
        raise ImproperlyConfigured(f"SECRET_KEY has {len(key)} characters; it must have at least 32.")
    return key


def secret_keys_before(state: Path, current: str) -> tuple[list[str], list[str]]:
    """SECRET_KEY_FALLBACKS: what SECRET_KEY was before, and the same with the key made in the state folder.

    The first list also keeps people signed in; the second only opens what was sealed.
    """
    named = text("SECRET_KEY_FALLBACKS").split()
    for position, key in enumerate(named, 1):
        if len(key) < 32:
            raise ImproperlyConfigured(
                f"SECRET_KEY_FALLBACKS: key {position} has {len(key)} characters; it must have at least 32."
            )
    made = state / "secret-key"
    with contextlib.suppress(OSError):
        found = made.read_text().strip()
        if found and found not in (current, *named):
            return named, [*named, found]
    return named, named


def encryption_keys() -> list[str]:
    """FIELD_ENCRYPTION_KEYS, the newest first; none where the site keeps its keys by itself."""
    keys = text("FIELD_ENCRYPTION_KEYS").replace(",", " ").split()
    for position, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            raise ImproperlyConfigured(
                f"FIELD_ENCRYPTION_KEYS: key {position} is not 32 bytes in URL-safe base64. "
                "Make one with: "
                "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
            ) from None
    return keys
