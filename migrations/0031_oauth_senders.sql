-- OAuth: tokens that are bound to a key (DPoP), requests that are pushed (PAR), the standard claims, and rotations that every
-- instance hears of.

-- Authorization requests that clients have pushed (RFC 9126): each is opened once, and gives one code.
create table auth.pushed_requests (
    -- SHA-256 of what its `request_uri` ends with; another one from when it is opened.
    reference  bytea not null,
    client_id  integer not null,
    -- As a query has them. What proves who the client is is not among them.
    parameters text not null,
    -- Null until a browser brings it.
    opened_at  timestamptz,
    expires_at timestamptz not null,

    constraint pushed_requests_pkey primary key (reference),
    constraint pushed_requests_reference_is_sha256 check (octet_length(reference) = 32),
    constraint pushed_requests_client_fkey foreign key (client_id) references auth.clients (id) on delete cascade
);

create index pushed_requests_client_idx on auth.pushed_requests (client_id);

-- For the purge.
create index pushed_requests_expires_at_idx on auth.pushed_requests (expires_at);

-- Whether a client must push its requests (RFC 9126 section 6).
alter table auth.clients add column requires_par boolean not null default false;

-- The standard claims that are said of a person and nothing else is kept for (OpenID Connect Core section 5.1).
alter table auth.person
    add column claims jsonb not null default '{}',
    add constraint person_claims check (jsonb_typeof(claims) = 'object' and octet_length(claims::text) <= 32768),
    add constraint person_client_claims_nothing check (client_id is null or claims = '{}');

-- Every instance reads the keys anew as soon as they change.
create function auth.tell_of_signing_keys() returns trigger
language plpgsql as $$
begin
    perform pg_notify('portero_signing_keys', '');
    return null;
end
$$;

create trigger signing_keys_told after insert or update or delete or truncate on auth.signing_keys
    for each statement execute function auth.tell_of_signing_keys();
