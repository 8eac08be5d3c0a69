-- Databases, roles and rights. Run by the superuser with psql, as often as you like: it only adds what is missing and
-- sets each role's password to what the environment says.
--
--   psql -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql
--
-- Passwords come from the environment, so that none stands in a command line:
--   RENRAKUMO_REGISTRY_DATABASE_PASSWORD, RENRAKUMO_ADMIN_API_DATABASE_PASSWORD, RENRAKUMO_RECEIPTS_DATABASE_PASSWORD,
--   RENRAKUMO_INFO_SITE_DATABASE_PASSWORD, RENRAKUMO_RESPONDER_DATABASE_PASSWORD
-- Other database names: -v personal=... -v general=...
--
-- The wall: persons live in the personal database, which the registry's role alone may enter; and the registry's role
-- may not enter the general one. Tables, views and the rights on them belong to the migrations of the schema's owner.

\set ON_ERROR_STOP 1
\if :{?personal} \else \set personal renrakumo_personal \endif
\if :{?general} \else \set general renrakumo_general \endif

\getenv registry_password RENRAKUMO_REGISTRY_DATABASE_PASSWORD
\getenv admin_api_password RENRAKUMO_ADMIN_API_DATABASE_PASSWORD
\getenv receipts_password RENRAKUMO_RECEIPTS_DATABASE_PASSWORD
\getenv info_site_password RENRAKUMO_INFO_SITE_DATABASE_PASSWORD
\getenv responder_password RENRAKUMO_RESPONDER_DATABASE_PASSWORD

SELECT format('CREATE ROLE %I LOGIN', wanted.name)
FROM (VALUES ('renrakumo_registry'), ('renrakumo_admin_api'), ('renrakumo_receipts'), ('renrakumo_info_site'),
             ('renrakumo_responder')) AS wanted (name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) \gexec

ALTER ROLE renrakumo_registry LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'registry_password';
ALTER ROLE renrakumo_admin_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'admin_api_password';
ALTER ROLE renrakumo_receipts LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'receipts_password';
ALTER ROLE renrakumo_info_site LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'info_site_password';
ALTER ROLE renrakumo_responder LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'responder_password';

SELECT format('CREATE DATABASE %I OWNER renrakumo_registry', :'personal')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'personal') \gexec
SELECT format('CREATE DATABASE %I', :'general')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'general') \gexec

REVOKE ALL ON DATABASE :"personal" FROM PUBLIC;
REVOKE ALL ON DATABASE :"general" FROM PUBLIC;
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE :"general"
    TO renrakumo_admin_api, renrakumo_receipts, renrakumo_info_site, renrakumo_responder;
GRANT TEMPORARY ON DATABASE :"general" TO renrakumo_admin_api, renrakumo_receipts;

\connect :"general"

REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS office AUTHORIZATION renrakumo_admin_api;
CREATE SCHEMA IF NOT EXISTS ledger AUTHORIZATION renrakumo_receipts;
REVOKE ALL ON SCHEMA office, ledger FROM PUBLIC;
GRANT USAGE ON SCHEMA office TO renrakumo_receipts, renrakumo_info_site, renrakumo_responder;
GRANT USAGE ON SCHEMA ledger TO renrakumo_admin_api;
