"""Records of whatever the admin shows, made from the models' fields: a new model needs no name here."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from core.compact_ids import CompactUUIDField

PASSWORD = "correct horse battery staple"


def made(model: type[models.Model], number: int) -> models.Model:
    """Return a record of any model, with something in every field that a form or a list could show."""
    if model is User:
        return User.objects.create_user(f"person{number}", f"person{number}@example.com", PASSWORD)
    return model._default_manager.create(
        **{field.name: value(field, number) for field in model._meta.concrete_fields if filled(field)}
    )


def filled(field: "models.Field[Any, Any]") -> bool:
    """Whether `made` has to think of something: not for keys, files, nor what may point to nothing."""
    if isinstance(field, models.UUIDField | CompactUUIDField):
        return not (field.null or field.has_default())
    if isinstance(field, models.JSONField | models.BinaryField):
        return False
    if field.primary_key and (field.is_relation or isinstance(field, models.IntegerField)):
        return False  # given by the database; a key that is a text is entered
    return not (field.is_relation and field.null)


def value(field: "models.Field[Any, Any]", number: int) -> Any:
    """Return something that such a field holds."""
    if isinstance(field, models.ForeignKey):
        there = field.related_model._default_manager.order_by("pk").first()
        return there or made(field.related_model, number)
    if isinstance(field, models.UUIDField | CompactUUIDField):
        return uuid4()
    choices = [choice for choice, _ in field.flatchoices if choice not in (None, "")]
    if choices:
        return choices[number % len(choices)]
    for kind, example in {
        models.BooleanField: number % 2 == 0, models.DateTimeField: timezone.now(), models.DateField: date.today(),
        models.GenericIPAddressField: "203.0.113.9", models.IntegerField: number, models.FloatField: 1.5 * number,
        models.DecimalField: Decimal(number),
        models.EmailField: f"person{number}@example.com", models.SlugField: f"slug-{number}",
    }.items():  # fmt: skip
        if isinstance(field, kind):
            return example
    return f"{field.verbose_name} {number}"[: field.max_length]


def registered() -> dict[type[models.Model], Any]:
    """Return what the admin shows."""
    return dict(admin.site._registry)
