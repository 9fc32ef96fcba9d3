-- Live sessions, one row a token. The token itself is never stored: `token` is its SHA-256.

create table auth.tokens_cache (
    token       bytea not null,
    person_id   integer not null,
    -- What a check answers: {"user_id", "username", "name"}. Kept true by the trigger below, so that a check reads
    -- one row of one table.
    payload     jsonb not null,
    -- Login. The absolute lifetime counts from here.
    created_at  timestamptz not null,
    -- Login or last renewal. The sliding lifetime counts from here; a renewal is a compare-and-set on it.
    modified_at timestamptz not null,
    client_id   text,
    address     inet,
    user_agent  text,

    constraint tokens_cache_pkey primary key (token),
    constraint tokens_cache_token_is_sha256 check (octet_length(token) = 32),
    constraint tokens_cache_person_fkey foreign key (person_id)
        references auth.person (id) on delete cascade
);

create index tokens_cache_person_idx on auth.tokens_cache (person_id);

-- For the purge.
create index tokens_cache_modified_at_idx on auth.tokens_cache (modified_at);

create index tokens_cache_created_at_idx on auth.tokens_cache (created_at);

-- Whoever changes a person (the API, the command line, somebody in psql): their sessions end with them, and show
-- their new name at once.
create function auth.follow_person() returns trigger
language plpgsql as $$
begin
    if new.removed_at is not null or new.disabled_at is not null then
        delete from auth.tokens_cache where person_id = new.id;
    elsif (new.username, new.name) is distinct from (old.username, old.name) then
        update auth.tokens_cache
        set payload = jsonb_build_object('user_id', new.id, 'username', new.username, 'name', new.name)
        where person_id = new.id;
    end if;
    return null;
end
$$;

create trigger person_follow after update of username, name, disabled_at, removed_at on auth.person
    for each row execute function auth.follow_person();

-- A removed person holds nothing.
create function auth.end_person() returns trigger
language plpgsql as $$
begin
    -- In the order in which the end of a service takes them: roles first.
    delete from auth.role where direct_person_id = new.id;
    delete from auth.person_service_role where person_id = new.id;
    return null;
end
$$;

create trigger person_end after update of removed_at on auth.person
    for each row when (old.removed_at is null and new.removed_at is not null)
    execute function auth.end_person();
