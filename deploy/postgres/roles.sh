#!/usr/bin/env bash
# A role and a database for each service. Nobody may connect to a database that is not theirs.
# Postgres runs this when it makes its data folder; it may be run again to take over changed passwords:
#   docker compose exec postgres /docker-entrypoint-initdb.d/roles.sh
set -euo pipefail

# A service for each password that we were given: which there are says services/__init__.py.
for variable in $(compgen -e | sed -n '/^POSTGRES_[A-Z]*_PASSWORD$/p' | sort); do
  service=${variable#POSTGRES_}
  service=${service%_PASSWORD}
  service=${service,,}
  # psql reads the password from the environment: an argument would be seen in the list of processes.
  PASSWORD=${!variable:?} psql --no-psqlrc --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set ON_ERROR_STOP=1 --set name="rollcall_$service" <<'SQL'
\getenv password PASSWORD
select format('create role %I', :'name') where not exists (select from pg_roles where rolname = :'name') \gexec
alter role :"name" with login nosuperuser nocreatedb nocreaterole noreplication password :'password';
select format('create database %I owner %I', :'name', :'name')
 where not exists (select from pg_database where datname = :'name') \gexec
revoke all on database :"name" from public;
\connect :"name"
revoke all on schema public from public;
SQL
done

psql --no-psqlrc --quiet --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 <<'SQL'
revoke connect on database postgres, template1 from public;
SQL
