"""The companies that a person may see."""

from typing import Any

from django.db.models import QuerySet

from core.roles import Can, held_roles, may
from masterdata.models import Company


def companies_of(user: Any) -> QuerySet[Company]:
    """Return the companies in which the user has a role; none for somebody who is not signed in."""
    if may(user, Can.READ):
        return Company.objects.all()
    slugs = {one.company for one in held_roles(user) if one.company is not None}
    return Company.objects.filter(slug__in=slugs) if slugs else Company.objects.none()


def administered_companies(user: Any) -> QuerySet[Company]:
    """Return the companies that the user administers."""
    visible = companies_of(user)
    slugs = [company.slug for company in visible if may(user, Can.ADMINISTER, company)]
    return visible if may(user, Can.ADMINISTER_ALL) else Company.objects.filter(slug__in=slugs)


def companies_for(acting: Any) -> QuerySet[Company]:
    """Return the companies that a command sees: the acting person's; all of them where nobody is named."""
    return Company.objects.all() if acting is None else companies_of(acting)
