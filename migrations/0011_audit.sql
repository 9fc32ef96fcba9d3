-- The audit trail: who did what, to whom, from where. Each event is written in the transaction of what it tells, so that
-- neither is there without the other.
--
-- Nothing refers to other tables: an event outlives what it tells of, and ids are never given twice.

create table auth.audit_events (
    id         bigint generated always as identity,
    -- By Portero's clock.
    at         timestamptz not null,
    action     text not null,
    actor      text not null,
    -- Of the person or of the key that acted.
    actor_id   integer,
    -- The person whom it is about.
    subject_id integer,
    service_id integer,
    request_id text,
    address    inet,
    client_id  text,
    -- What has changed, without secrets.
    before     jsonb,
    after      jsonb,

    constraint audit_events_pkey primary key (id),
    constraint audit_events_actor check (actor in ('person', 'service-key', 'command-line', 'system', 'anonymous')),
    constraint audit_events_actor_id check ((actor in ('person', 'service-key')) = (actor_id is not null))
);

create index audit_events_actor_idx on auth.audit_events (actor_id, id) where actor_id is not null;

create index audit_events_subject_idx on auth.audit_events (subject_id, id) where subject_id is not null;

create index audit_events_service_idx on auth.audit_events (service_id, id) where service_id is not null;

create index audit_events_action_idx on auth.audit_events (action, id);

-- Rows lie in the order of their time, nearly: a hundredth of an index's size will do.
create index audit_events_at_idx on auth.audit_events using brin (at);

-- The chain. Each seal's hash is over the one before it and over its event, so that nobody can change, take out or slip
-- in an event without all later hashes differing. Seals are given to what is committed, in order, by one at a time, so
-- that those who write events never wait for each other; the unique position decides which of two was first.
create table auth.audit_seals (
    position  bigint not null,
    event_id  bigint not null,
    hash      bytea not null,
    sealed_at timestamptz not null,

    constraint audit_seals_pkey primary key (position),
    constraint audit_seals_event_key unique (event_id),
    constraint audit_seals_hash_is_sha256 check (octet_length(hash) = 32)
);

-- Events that have no seal yet. An id alone would not tell: ids are taken before a transaction commits.
create table auth.audit_unsealed (
    event_id bigint not null,

    constraint audit_unsealed_pkey primary key (event_id)
);

-- Where the chain begins: what was before it was pruned.
create table auth.audit_pruned (
    only_row boolean not null default true,
    -- The last position pruned.
    position bigint not null default 0,
    -- Its hash: that of the first seal is over this one.
    hash     bytea not null default decode(repeat('00', 32), 'hex'),

    constraint audit_pruned_pkey primary key (only_row),
    constraint audit_pruned_only_row check (only_row)
);

insert into auth.audit_pruned default values;

create function auth.await_seal() returns trigger
language plpgsql as $$
begin
    insert into auth.audit_unsealed (event_id) values (new.id);
    return null;
end
$$;

create trigger audit_events_await_seal after insert on auth.audit_events
    for each row execute function auth.await_seal();

-- Append-only, for Portero's own role and for whoever else connects: what is sealed goes only from the old end, by
-- `auth.prune_audit_events`.
create function auth.refuse_audit_change() returns trigger
language plpgsql as $$
begin
    raise exception 'the audit trail is append-only'
        using errcode = 'insufficient_privilege',
              hint = 'Old events go by the setting AUDIT_RETENTION_DAYS.';
end
$$;

create function auth.refuse_audit_deletion() returns trigger
language plpgsql as $$
begin
    if tg_table_name = 'audit_seals' then
        if old.position <= (select position from auth.audit_pruned) then
            return old;
        end if;
    elsif exists (
        select
        from auth.audit_seals
        where event_id = old.id and position <= (select position from auth.audit_pruned)
    ) then
        return old;
    end if;
    raise exception 'the audit trail is append-only'
        using errcode = 'insufficient_privilege',
              hint = 'Old events go by the setting AUDIT_RETENTION_DAYS.';
end
$$;

create trigger audit_events_unchanging before update on auth.audit_events
    for each row execute function auth.refuse_audit_change();

create trigger audit_events_undeletable before delete on auth.audit_events
    for each row execute function auth.refuse_audit_deletion();

create trigger audit_events_no_truncation before truncate on auth.audit_events
    for each statement execute function auth.refuse_audit_change();

create trigger audit_seals_unchanging before update on auth.audit_seals
    for each row execute function auth.refuse_audit_change();

create trigger audit_seals_undeletable before delete on auth.audit_seals
    for each row execute function auth.refuse_audit_deletion();

create trigger audit_seals_no_truncation before truncate on auth.audit_seals
    for each statement execute function auth.refuse_audit_change();

-- Takes up to `batch` sealed events that happened before a moment from the old end; answers the last position pruned and
-- how many went. One at a time: who comes second has nothing to do.
create function auth.prune_audit_events(
    happened_before timestamptz, batch integer, out up_to bigint, out count integer
)
language plpgsql as $$
declare
    last_hash bytea;
begin
    count := 0;
    select position into up_to from auth.audit_pruned for no key update skip locked;
    if up_to is null then
        return;
    end if;
    -- Up to the first that must stay: the chain has no holes.
    select oldest.position, oldest.hash, oldest.n into up_to, last_hash, count
    from (
        select seal.position, seal.hash, row_number() over (order by seal.position) as n,
               bool_and(event.at < happened_before) over (order by seal.position) as may_go
        from (select * from auth.audit_seals order by position limit batch) seal
        join auth.audit_events event on event.id = seal.event_id
    ) oldest
    where oldest.may_go
    order by oldest.position desc
    limit 1;
    if last_hash is null then
        count := 0;
        return;
    end if;
    update auth.audit_pruned set position = up_to, hash = last_hash;
    delete from auth.audit_events
    where id in (select event_id from auth.audit_seals where position <= up_to);
    delete from auth.audit_seals where position <= up_to;
end
$$;

insert into auth.duties (name) values ('seal audit events'), ('prune audit events');

-- The settings of the last start, secrets left out: what differs at the next one is told.
create table auth.audit_configuration (
    only_row boolean not null default true,
    settings jsonb not null,

    constraint audit_configuration_pkey primary key (only_row),
    constraint audit_configuration_only_row check (only_row)
);
