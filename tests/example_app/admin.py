from django.contrib import admin

from masterdata.admin import RecordAdmin
from tests.example_app.models import Machine, Subscription, Tool

admin.site.register([Machine, Subscription, Tool], RecordAdmin)
