"""The settings: one file, the environment read through config.env only."""

import os
from pathlib import Path
from typing import Any, cast
from zoneinfo import available_timezones

from celery.schedules import crontab
from csp.constants import NONE, SELF

from config import env

# The database with its WAL, logs, the broker's messages, exports: what we make is for our own eyes.
os.umask(0o077)

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = env.state_folder(BASE_DIR)

# What the product is called on pages.
PRODUCT_NAME = env.text("PRODUCT_NAME", "Tandem")
# A function that is given a company and returns what its connection signs in with (see secrets.credentials.provided).
CREDENTIAL_PROVIDER = env.text("CREDENTIAL_PROVIDER")

SECRET_KEY = env.secret_key(STATE_DIR)
# What SECRET_KEY was before: sessions stay good, and what was sealed with a key that follows from it still opens.
SECRET_KEY_FALLBACKS, SECRET_KEYS_BEFORE = env.secret_keys_before(STATE_DIR, SECRET_KEY)
# Keys that seal secrets, managed outside; without them the site keeps its own in a file, or derives one of SECRET_KEY.
FIELD_ENCRYPTION_KEYS = env.encryption_keys()
FIELD_ENCRYPTION_KEYS_FILE = env.file_of("FIELD_ENCRYPTION_KEYS")
FIELD_ENCRYPTION_KEY_FILE = STATE_DIR / "field-encryption-key"
DEBUG = env.flag("DEBUG", False)
PORT = env.whole_number("PORT", 8000, least=1, most=65535)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# The address people use; its scheme decides secure cookies and HSTS.
SITE_URL = env.url("SITE_URL", f"http://127.0.0.1:{PORT}", ("https", "http")).rstrip("/")
# The address at which Dataverse reaches this site to call its web hooks, where that is another one.
PUBLIC_URL = env.url("PUBLIC_URL", SITE_URL, ("https", "http")).rstrip("/")
# How many proxies stand in front; only what they say (X-Forwarded-For, X-Forwarded-Proto) is believed.
TRUSTED_PROXIES = env.whole_number("TRUSTED_PROXIES", 0, least=0, most=10)

# A stand-in environment on loopback may be connected to (demo, tests); never switch it on in production.
SANDBOX_ALLOWED = env.flag("SANDBOX_ALLOWED", False)
# The certificate authority of sandboxes started with this state folder; trusted for loopback origins alone.
SANDBOX_CA_FILE = STATE_DIR / "sandbox-ca.pem"
# What the demo's sandbox printed: where environments are looked for while no Environment URL says so.
SANDBOX_FILE = STATE_DIR / "sandbox.json"

# Apps of the business's own, with models, pages and kinds of jobs; see docs/own-models.md and docs/own-pages.md.
EXTRA_APPS = env.names("EXTRA_APPS")

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "sync",
    "coupling",
    "connection_setup",
    "jobs",
    "accounts",
    "masterdata",
    "ui",
    "core",
    "sandbox",
    "config.apps.TandemAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "axes",
    "auditlog",
    "csp",
    *EXTRA_APPS,
]

MIDDLEWARE = [
    "ui.middleware.security_headers",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "ui.uploads.BodySizes",  # before whoever reads the body
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.sessions.limited_sessions",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.audit.AuditMiddleware",
    "ui.middleware.readable_refusals",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "ui.context.shell",
            ],
        },
    }
]

# The templates of fields may be ours, as those of pages are.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# -- database -------------------------------------------------------------------------------------------------------

_database = env.database(STATE_DIR)
if _database["ENGINE"] == "django.db.backends.sqlite3":
    env.make_private(Path(str(_database["NAME"])))
    _database["OPTIONS"] = {
        # A writer says so at once, so that two never upgrade from a read lock and fail.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # Rows are found by random ids. With SQLite's own 2 MB a job would read most pages again for every row, and
        # carry them over from the log to the file, waiting for the disk, after every checkpoint of its own.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000; "
        "PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=32768;",
    }
else:
    _database.update({"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True})
    # Whoever asks a server that is gone gets an answer in seconds; libpq alone waits for minutes.
    _database["OPTIONS"] = {"connect_timeout": 10} | cast("dict[str, object]", _database.get("OPTIONS", {}))
DATABASES: dict[str, dict[str, Any]] = {"default": {**_database, "ATOMIC_REQUESTS": False}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- people ---------------------------------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "ui:sign-in"
LOGIN_REDIRECT_URL = "ui:home"
LOGOUT_REDIRECT_URL = "ui:sign-in"

# How long somebody who does nothing stays signed in, and how long anybody does (see accounts.sessions).
SESSION_COOKIE_AGE = round(env.number("SESSION_IDLE_HOURS", 12, least=0.01, most=8760) * 3600)
SESSION_MAX_S = round(env.number("SESSION_MAX_DAYS", 7, least=0.01, most=365) * 86_400)

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_HANDLER = "accounts.sign_in_limits.SignInLimits"  # limits per person and address, per address, per person
AXES_CLIENT_IP_CALLABLE = "accounts.sign_in_limits.client_ip"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = True  # attempts go when they expire or succeed; who failed when stays
SIGN_IN_RECORD_DAYS = env.whole_number("SIGN_IN_RECORD_DAYS", 180, least=1, most=36_500)  # see jobs.retention
AXES_LOCKOUT_TEMPLATE = "ui/shell/locked_out.html"

# Mail, such as the link for a new password; none is sent without EMAIL_URL.
_mail = env.mail()
MAIL_IS_SET_UP = bool(_mail)
EMAIL_HOST = _mail.get("EMAIL_HOST", "")
EMAIL_PORT = _mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = _mail.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = _mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = _mail.get("DEFAULT_FROM_EMAIL", "")
# How long the link for a new password is good, in seconds.
PASSWORD_RESET_TIMEOUT = 3_600

# -- jobs -----------------------------------------------------------------------------------------------------------

REDIS_URL = env.url("REDIS_URL", "", ("redis", "rediss", "unix"))
JOB_LEASE_S = env.number("JOB_LEASE_S", 45, least=1, most=3600)
JOB_HEARTBEAT_S = env.number("JOB_HEARTBEAT_S", 10, least=0.1, most=600)
JOB_TICK_S = env.number("JOB_TICK_S", 15, least=0.2, most=600)
# How long a job that was under way waits for a Dataverse that does not answer; 0 fails at once.
JOB_OUTAGE_S = env.number("JOB_OUTAGE_S", 600, least=0, most=86_400)
JOB_WAKE_S = env.number("JOB_WAKE_S", 3, least=0, most=600)
JOB_SLICE_S = env.number("JOB_SLICE_S", 30, least=0.1, most=600)

CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost/"
if not REDIS_URL:
    BROKER_DIR = STATE_DIR / "broker"
    for _folder in ("messages", "control"):
        (BROKER_DIR / _folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.5,
    }
else:
    # A page that queues a job does not wait for a broker that is down: the sweep sends the message later.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": 3,
        "max_retries": 0,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat")
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "tick": {"task": "jobs.tasks.tick", "schedule": JOB_TICK_S, "options": {"expires": JOB_TICK_S}},
    # Each mapping once a day: asked for every hour, so that what was missed is made up soon.
    "find deleted records": {
        "task": "sync.tasks.find_deleted_records",
        "schedule": crontab(minute="15"),
        "options": {"expires": 3600},
    },
    "look at columns": {
        "task": "sync.tasks.look_at_columns",
        "schedule": crontab(minute="40"),
        "options": {"expires": 3600},
    },
}
CELERY_TIMEZONE = "UTC"

# -- pages ----------------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = env.choice("TIME_ZONE", "UTC", available_timezones(), "Europe/Berlin")
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = False  # a template writes ids and addresses too; the filter `words` groups what people read

STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# -- security -------------------------------------------------------------------------------------------------------

_https = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
# Only a proxy that may be believed can say that the visitor came over HTTPS; without one a redirect would not end.
SECURE_SSL_REDIRECT = _https and TRUSTED_PROXIES > 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_SSL_REDIRECT else None
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _https
SECURE_REFERRER_POLICY = "same-origin"
DEFAULT_EXCEPTION_REPORTER_FILTER = "core.error_reports.ReticentFilter"
CSRF_FAILURE_VIEW = "ui.errors.csrf"
CSRF_TRUSTED_ORIGINS = [SITE_URL] if _https else []
X_FRAME_OPTIONS = "DENY"

# How long a request may take to arrive, beside what the length of its body takes; who sends slower is cut off.
REQUEST_ARRIVAL_S = env.number("REQUEST_ARRIVAL_S", 10, least=0.1, most=600)
# What may be sent: by somebody who is not signed in, and to a page that takes no large files (see ui.uploads).
MOST_BYTES_OF_STRANGERS = 64 * 1024
MOST_BYTES = 4 * 1024 * 1024

# -- audit and logs -------------------------------------------------------------------------------------------------

AUDITLOG_INCLUDE_ALL_MODELS = False

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname:7} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["stderr"],
        "level": env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    },
    "loggers": {"axes": {"level": "WARNING"}, "urllib3": {"level": "WARNING"}, "msal": {"level": "WARNING"}},
}
