-- The classic set-up, in one go, for a Postgres of your own:
--
--     psql -U postgres -f db/run_all.sql
--
-- makes the login role `portero`, the database `portero` owned by it, the schema, and the demo data. What is there
-- already stays as it is, so running it again loses nothing. Variables, each set with `-v name=value`:
--
--     password   of the role, when it is made here (default: portero; for anything but your own machine, set it)
--     demo       `no` leaves the demo data out: whoever knows db/DB.md knows the demo's passwords

\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages to warning;

\if :{?demo}
\else
    \set demo yes
\endif
\if :{?password}
    \set password_is_given true
\else
    \set password_is_given false
    \set password portero
\endif

select not exists (select from pg_roles where rolname = 'portero') as role_is_new,
       not exists (select from pg_database where datname = 'portero') as database_is_new,
       :'demo' in ('no', 'off', 'false', '0') as without_demo
\gset

\if :role_is_new
    select format('create role portero login nosuperuser nocreatedb nocreaterole password %L', :'password') \gexec
    \echo 'role portero: made'
    \if :password_is_given
    \else
        \echo '  Its password is `portero`, which anybody can guess. On anything but your own machine, change it now:'
        \echo '      alter role portero password \'…\';      and in .env, AUTH_DATABASE_URL'
    \endif
\else
    \echo 'role portero: there already, left as it is'
\endif

-- Who is not a superuser (on a hosted Postgres, say) must be a member to make something that the role owns.
select 'grant portero to current_user'
where not pg_has_role(current_user, 'portero', 'member')
\gexec

\if :database_is_new
    create database portero owner portero template template0 encoding 'UTF8';
    \echo 'database portero: made'
\else
    \echo 'database portero: there already, left as it is'
\endif

\connect portero
\set QUIET on
set client_min_messages to warning;
set role portero;

select to_regclass('public._sqlx_migrations') is null as schema_is_new \gset
\if :schema_is_new
    begin;
    \ir schema.sql
    commit;
    \echo 'schema: made'
\else
    \echo 'schema: there already; the server brings it to its own version when it starts'
\endif

\if :without_demo
    \echo 'demo data: left out'
\else
    select not exists (select from auth.person)
       and not exists (select from auth.services where id > 0)
       and not exists (select from auth.role where id > 0)
       and not exists (select from auth.permission where id > 0) as is_empty
    \gset
    \if :is_empty
        \o /dev/null
        \ir demo_data.sql
        \o
        \echo 'demo data: loaded; adm1 (password adm1-hash) administers Portero'
    \else
        \echo 'demo data: the database is in use already, nothing loaded'
    \endif
\endif

reset role;
\echo
\echo 'Next: install -m 600 .env.example .env && cargo run --release'
\if :password_is_given
    \echo '  In .env, AUTH_DATABASE_URL has the password `portero`: write yours in its place (with %20 for a space, %40 for an @).'
\endif
\if :without_demo
    \echo '  The first start from a terminal makes the administrator and shows the password once.'
\endif
