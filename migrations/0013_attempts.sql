-- What keeps guessers out: who has failed to log in, and where people are known to log in from.
--
-- One row counts the failures of one of these:
--   person:<id>            somebody, from wherever they are not known: by all paths and identifiers together
--   person:<id>@<network>  somebody, where they are known: what strangers do elsewhere does not count here
--   name:<sha256>          a username that nobody has
--   address:<network>      everybody at an address
-- Failures are forgotten one by one, at an even pace: `forgotten_at` is when the last one is (a leaky bucket, of which no
-- more needs to be kept). How many are too many, and what follows, is for Portero to say.

create table auth.login_attempts (
    key            text collate "C" not null,
    person_id      integer,
    -- In a row, however long ago.
    failures       integer not null,
    forgotten_at   timestamptz not null,
    -- Nothing is compared before.
    wait_until     timestamptz not null,
    last_failed_at timestamptz not null,
    -- When the row may go; null for those that are never forgotten as a whole.
    kept_until     timestamptz,

    constraint login_attempts_pkey primary key (key),
    constraint login_attempts_failures_positive check (failures >= 0),
    constraint login_attempts_person_fkey foreign key (person_id)
        references auth.person (id) on delete cascade
);

create index login_attempts_person_idx on auth.login_attempts (person_id)
    where person_id is not null;

-- For the purge.
create index login_attempts_kept_until_idx on auth.login_attempts (kept_until)
    where kept_until is not null;

-- Where people have logged in from lately, and with what.
create table auth.person_devices (
    person_id     integer not null,
    -- An address, or the /64 of an IPv6 one.
    network       cidr not null,
    -- SHA-256 of `User-Agent` and `x-client-id`.
    device        bytea not null,
    first_seen_at timestamptz not null,
    -- To the day.
    last_seen_at  timestamptz not null,

    constraint person_devices_pkey primary key (person_id, network, device),
    constraint person_devices_device_is_sha256 check (octet_length(device) = 32),
    constraint person_devices_person_fkey foreign key (person_id)
        references auth.person (id) on delete cascade
);

-- For the purge.
create index person_devices_last_seen_at_idx on auth.person_devices (last_seen_at);

-- Under which key a person's failures at a network count. They are known there for 90 days after a login. (In PL/pgSQL,
-- which keeps the plan: each login asks this.)
create function auth.attempts_key(person integer, network text, now timestamptz) returns text
language plpgsql stable strict as $$
begin
    return 'person:' || person || case when exists (
        select
        from auth.person_devices d
        where d.person_id = attempts_key.person
          and d.network = attempts_key.network::cidr
          and d.last_seen_at > attempts_key.now - interval '90 days'
    ) then '@' || attempts_key.network else '' end;
end
$$;
