"""The mechanisms that `make mutation` switches off, by subject: a file for each, named as the code it is about."""

from tests.mutation.mutation import Mutation
from tests.mutation.table import (
    attendance,
    command,
    deciding,
    enrolment,
    hearing,
    notifications,
    parking,
    reading,
    rows,
    saying,
    serving,
)

MUTATIONS: tuple[Mutation, ...] = (
    *attendance.MUTATIONS,
    *command.MUTATIONS,
    *deciding.MUTATIONS,
    *enrolment.MUTATIONS,
    *hearing.MUTATIONS,
    *notifications.MUTATIONS,
    *parking.MUTATIONS,
    *reading.MUTATIONS,
    *rows.MUTATIONS,
    *saying.MUTATIONS,
    *serving.MUTATIONS,
)
