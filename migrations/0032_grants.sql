-- Grants without a page of the client's: devices (RFC 8628), exchanged tokens (RFC 8693), passwords on this machine.

-- A device asks for a code, and a person lets it in elsewhere.
create table auth.device_authorizations (
    id               bigint generated always as identity,
    client_id        integer not null,
    -- SHA-256.
    device_code      bytea not null,
    -- What the person types: eight letters, and no secret.
    user_code        text not null,
    -- What is asked for: all of it is allowed to the client.
    scopes           text[] not null,
    services         integer[] not null,
    -- How many seconds are to be between two polls. It grows with each that comes too soon.
    interval_seconds integer not null,
    last_polled_at   timestamptz,
    -- When the person said yes or no.
    answered_at      timestamptz,
    -- What came of a yes. Null for a no, and once it has ended.
    authorization_id bigint,
    redeemed_at      timestamptz,
    created_at       timestamptz not null,
    expires_at       timestamptz not null,

    constraint device_authorizations_pkey primary key (id),
    constraint device_authorizations_device_code_key unique (device_code),
    constraint device_authorizations_user_code_key unique (user_code),
    constraint device_authorizations_device_code_is_sha256 check (octet_length(device_code) = 32),
    constraint device_authorizations_client_fkey foreign key (client_id) references auth.clients (id) on delete cascade,
    constraint device_authorizations_authorization_fkey foreign key (authorization_id)
        references auth.authorizations (id) on delete set null
);

create index device_authorizations_client_idx on auth.device_authorizations (client_id);

create index device_authorizations_authorization_idx on auth.device_authorizations (authorization_id)
    where authorization_id is not null;

-- For the purge.
create index device_authorizations_expires_at_idx on auth.device_authorizations (expires_at);

-- The access token that an authorization was exchanged for: it ends with that.
alter table auth.authorizations add column subject_token bytea;

create index authorizations_subject_token_idx on auth.authorizations (subject_token) where subject_token is not null;

-- Who acts for the subject, as its authorization has it.
alter table auth.access_tokens add column act jsonb;

-- No foreign key, which would look for each token that the purge deletes, though none is exchanged for longer than it lives.
create function auth.end_exchanged() returns trigger
language plpgsql as $$
begin
    if current_setting('portero.purging', true) = 'on' then
        return null;
    end if;
    delete from auth.authorizations where subject_token in (select token from ended);
    return null;
end
$$;

create trigger access_tokens_end_exchanged after delete on auth.access_tokens
    referencing old table as ended
    for each statement execute function auth.end_exchanged();

-- What an administrator may do is granted to programs on this machine alone.
alter table auth.clients
    add constraint clients_superuser check (loopback_only or not scopes @> array['superuser']);

-- The client that is there from the start. Whoever has one of that name already keeps theirs.
insert into auth.clients
    (id, client_id, name, service_id, auth_method, grant_types, scopes, token_seconds, consent, loopback_only, created_at)
values
    (0, 'loopback', 'loopback', 0, 'none', '{password}', '{superuser}', 900, 'none', true, now())
on conflict do nothing;
