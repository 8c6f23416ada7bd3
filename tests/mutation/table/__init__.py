"""The mechanisms that `make mutation` switches off, by subject: a file for each, named as the service or the package of `shared` that it is about."""

from tests.mutation.mutation import Mutation
from tests.mutation.table import (
    attendance,
    books,
    command,
    consuming,
    coordinating,
    deciding,
    enrolment,
    events,
    explaining,
    importing,
    kafka,
    machinery,
    merging,
    notifications,
    outbox,
    pages,
    state,
    web,
)

MUTATIONS: tuple[Mutation, ...] = (
    *attendance.MUTATIONS,
    *books.MUTATIONS,
    *command.MUTATIONS,
    *consuming.MUTATIONS,
    *coordinating.MUTATIONS,
    *deciding.MUTATIONS,
    *enrolment.MUTATIONS,
    *events.MUTATIONS,
    *explaining.MUTATIONS,
    *importing.MUTATIONS,
    *kafka.MUTATIONS,
    *machinery.MUTATIONS,
    *merging.MUTATIONS,
    *notifications.MUTATIONS,
    *outbox.MUTATIONS,
    *pages.MUTATIONS,
    *state.MUTATIONS,
    *web.MUTATIONS,
)
