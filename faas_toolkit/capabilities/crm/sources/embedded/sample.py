"""The sample of a fresh install: made from a seed and a date, so that it is the same everywhere and never looks old."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

from faas_toolkit.capabilities.crm.fields import Entity
from faas_toolkit.capabilities.crm.sources.embedded.names import (
    LOCALES,
    NICKNAMES,
    NOTES,
    OWNERS,
    PROBLEMS,
    PRODUCTS,
    Locale,
)
from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft
from faas_toolkit.search.analysis import fold

GENERATOR = "1"
"""To be raised with every change below: a store that holds an older sample makes it anew."""

COMPANIES, PEOPLE, DEALS, TICKETS, ACTIVITIES = 64, 320, 420, 160, 700

_OPEN_STAGES = ("qualified", "proposal", "negotiation")
_STAGES = (*_OPEN_STAGES, *_OPEN_STAGES, "won", "won", "won", "lost")
_STATUSES = ("open", "pending", "solved", "closed", "closed")
_PRIORITIES = ("low", "normal", "normal", "high", "urgent")
_SHARED_NAME_EVERY = 17
"""Each 17th person bears the name of an earlier one, as happens in every real list; prime, so that it meets every language."""


def sample_drafts(today: date) -> list[Draft]:
    """All records of the sample, with dates around `today`."""
    return list(_Sample(today).drafts())


class _Sample:
    def __init__(self, today: date) -> None:
        self._today = today
        self._random = random.Random("first light")  # noqa: S311 - made-up people need no secret
        self._companies: dict[int, tuple[Draft, Locale, str]] = {}
        self._people: dict[int, Draft] = {}
        self._deals: dict[int, Draft] = {}
        self._tickets: dict[int, Draft] = {}
        self._names: dict[str, list[tuple[str, str]]] = {locale.country: [] for locale in LOCALES}

    def drafts(self) -> Iterator[Draft]:
        yield from (self._company(number) for number in range(1, COMPANIES + 1))
        yield from (self._person(number) for number in range(1, PEOPLE + 1))
        yield from (self._deal(number) for number in range(1, DEALS + 1))
        yield from (self._ticket(number) for number in range(1, TICKETS + 1))
        yield from (self._activity(number) for number in range(1, ACTIVITIES + 1))

    def _company(self, number: int) -> Draft:
        locale = LOCALES[number % len(LOCALES)]
        written, latin = locale.companies[(number - 1) // len(LOCALES) % len(locale.companies)]
        ending, industry = self._random.choice(locale.industries)
        name = locale.company_pattern.format(name=written, industry=ending)
        draft = self._draft(
            "company",
            number,
            name=name,
            also_known_as=latin.replace("-", " ").title() if not name.isascii() and locale.family_first else None,
            industry=industry,
            domain=f"{latin}.example",
            phone=self._phone(locale),
            city=self._random.choice(locale.cities),
            country=locale.country,
            employees=self._random.choice((8, 25, 60, 140, 320, 900, 2_400)),
            created=self._days_ago(200, 1_500),
        )
        self._companies[number] = (draft, locale, f"{latin}.example")
        return draft

    def _person(self, number: int) -> Draft:
        company, locale, domain = self._companies[(number - 1) % COMPANIES + 1]
        name, latin = self._name(locale, number)
        local = ".".join(part.lower().replace("'", "") for part in latin.split())
        draft = self._draft(
            "person",
            number,
            name=name,
            also_known_as=self._alias(locale, latin),
            title=self._random.choice(locale.titles),
            company=company.id,
            email=f"{fold(local)}{'' if number <= COMPANIES else number}@{domain}",
            phone=self._phone(locale),
            city=company.values["city"],
            country=locale.country,
            created=self._days_ago(30, 1_000),
        )
        self._people[number] = draft
        return draft

    def _name(self, locale: Locale, number: int) -> tuple[str, str]:
        """As written, and in Latin letters with the given name first."""
        known = self._names[locale.country]
        if number % _SHARED_NAME_EVERY == 0 and len(known) > 3:
            return self._random.choice(known)
        if len(known) < len(locale.certain):
            family, given = (
                names[place] for names, place in zip((locale.families, locale.givens), locale.certain[len(known)], strict=True)
            )
        else:
            family, given = self._random.choice(locale.families), self._random.choice(locale.givens)
        if locale.family_first:
            space = " " if locale.country == "Japan" else ""
            name = (f"{family[0]}{space}{given[0]}", f"{given[1]} {family[1]}")
        else:
            name = (f"{given[0]} {family[0]}", f"{given[1]} {family[1]}")
        known.append(name)
        return name

    def _alias(self, locale: Locale, latin: str) -> str | None:
        if locale.country == "Japan":
            return latin
        if locale.country == "China" and self._random.random() < 0.3:
            return f"{self._random.choice(NICKNAMES)} {latin.rsplit(maxsplit=1)[-1].title()}"
        return None

    def _deal(self, number: int) -> Draft:
        person = self._people[self._random.randint(1, PEOPLE)]
        company, locale, _ = self._company_of(person)
        stage = self._random.choice(_STAGES)
        is_open = stage in _OPEN_STAGES
        units = self._random.choice((8, 15, 24, 40, 75, 120, 260)) * 100 * locale.rate
        cents = 0 if locale.currency == "JPY" else self._random.choice((0, 0, 0, 0.5))
        draft = self._draft(
            "deal",
            number,
            name=f"{self._random.choice(PRODUCTS)} – {company.values['name']}",
            stage=stage,
            open=is_open,
            amount=units + cents,
            currency=locale.currency,
            close_date=self._days_ago(-120, 10) if is_open else self._days_ago(1, 400),
            company=company.id,
            person=person.id,
            owner=company.values["owner"],
            created=self._days_ago(410, 500) if not is_open else self._days_ago(11, 200),
        )
        self._deals[number] = draft
        return draft

    def _ticket(self, number: int) -> Draft:
        person = self._people[self._random.randint(1, PEOPLE)]
        status = self._random.choice(_STATUSES)
        is_open = status in ("open", "pending")
        age = self._random.randint(0, 20) if is_open else self._random.randint(30, 300)
        draft = self._draft(
            "ticket",
            number,
            name=self._random.choice(PROBLEMS),
            status=status,
            open=is_open,
            priority=self._random.choice(_PRIORITIES),
            company=person.values["company"],
            person=person.id,
            created=self._days_ago(age, age),
            closed=None if is_open else self._days_ago(age - 25, age - 1),
        )
        self._tickets[number] = draft
        return draft

    def _activity(self, number: int) -> Draft:
        kind = self._random.choice(tuple(NOTES))
        links = self._links(number)
        person = self._people[links["person"]]
        return self._draft(
            "activity",
            number,
            name=f"{kind.capitalize()} with {person.values['name']}",
            kind=kind,
            date=self._days_ago(0, 180),
            text=self._random.choice(NOTES[kind]),
            **links,
        )

    def _links(self, number: int) -> dict[str, int]:
        if number % 3 == 0:
            about, field = self._tickets[self._random.randint(1, TICKETS)], "ticket"
        else:
            about, field = self._deals[self._random.randint(1, DEALS)], "deal"
        links = {name: about.values[name] for name in ("company", "person")}
        return {field: about.id, **{name: value for name, value in links.items() if isinstance(value, int)}}

    def _company_of(self, person: Draft) -> tuple[Draft, Locale, str]:
        number = person.values["company"]
        return self._companies[number if isinstance(number, int) else 1]

    def _draft(self, entity: Entity, number: int, **values: object) -> Draft:
        values.setdefault("owner", self._random.choice(OWNERS))
        return Draft(entity, number, values)

    def _phone(self, locale: Locale) -> str:
        return "".join(str(self._random.randint(0, 9)) if mark == "#" else mark for mark in locale.phone)

    def _days_ago(self, least: int, most: int) -> str:
        return (self._today - timedelta(days=self._random.randint(least, most))).isoformat()
