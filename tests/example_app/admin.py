from django.contrib import admin

from masterdata.admin import RecordAdmin
from tests.example_app.models import Subscription

admin.site.register(Subscription, RecordAdmin)
