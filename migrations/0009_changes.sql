-- What changed, for backends that keep answers: written by triggers in the transaction of the change itself, whoever
-- makes it; read in commit order by the streams at GET /changes; pruned after a while.
--
-- Ids are taken before a transaction commits, so a reader that remembers the last id it saw would skip what commits late.
-- Hence positions: given only to rows that are visible, by one transaction at a time, each of which sees all that the
-- one before it did. Who remembers a position skips nothing, and a transaction that stays open holds up nobody else.

create table auth.changes (
    id         bigint generated always as identity,
    -- Null until somebody places it.
    position   bigint,
    kind       text not null,
    -- What it is about. A person or a service that is null means all of them.
    session_id text,
    person_id  integer,
    service_id integer,
    key_id     integer,
    at         timestamptz not null default clock_timestamp(),
    placed_at  timestamptz,

    constraint changes_pkey primary key (id),
    constraint changes_placed_whole check ((position is null) = (placed_at is null)),
    constraint changes_kind check (kind in (
        'session-revoked', 'token-claims-change', 'account-purged', 'grants-changed',
        -- So much at once that everything is to be asked again.
        'reset',
        -- For ourselves: streams that were opened with this key end. Null means every key.
        'key-revoked'
    ))
);

create unique index changes_position_key on auth.changes (position) where position is not null;

create index changes_unplaced_idx on auth.changes (id) where position is null;

-- How far it goes.
create table auth.changes_head (
    only_row boolean not null default true,
    -- The last position given.
    placed   bigint not null default 0,
    -- The last position pruned: who has not read beyond it has missed something.
    pruned   bigint not null default 0,

    constraint changes_head_pkey primary key (only_row),
    constraint changes_head_only_row check (only_row)
);

insert into auth.changes_head default values;

-- Places up to `batch` rows, in the order in which they were written; answers the last position given.
--
-- A function, so that the lock is taken and given back in one statement: an instance that freezes can't keep it. What
-- is read after the lock was got is read anew (the function is volatile), so it has all that was placed before.
create function auth.place_changes(moment timestamptz, batch integer) returns bigint
language plpgsql as $$
declare
    head bigint;
    count integer;
begin
    if not exists (select from auth.changes where position is null) then
        return (select placed from auth.changes_head);
    end if;
    select placed into head from auth.changes_head for no key update;
    with next as (
        select id, row_number() over (order by id) as n
        from (select id from auth.changes where position is null order by id limit batch) unplaced
    )
    update auth.changes
    set position = head + next.n, placed_at = moment
    from next
    where changes.id = next.id;
    get diagnostics count = row_count;
    if count > 0 then
        update auth.changes_head set placed = head + count;
    end if;
    return head + count;
end
$$;

-- Deletes up to `batch` rows that were placed before a moment, the oldest first; answers how many. One at a time: who
-- comes second has nothing to do.
create function auth.prune_changes(placed_before timestamptz, batch integer) returns integer
language plpgsql as $$
declare
    last bigint;
    count integer;
begin
    if not pg_try_advisory_xact_lock(hashtext('auth.prune_changes')) then
        return 0;
    end if;
    select max(oldest.position) into last
    from (
        select position, placed_at from auth.changes where position is not null order by position limit batch
    ) oldest
    where oldest.placed_at < placed_before;
    if last is null then
        return 0;
    end if;
    update auth.changes_head set pruned = last;
    delete from auth.changes where position <= last;
    get diagnostics count = row_count;
    return count;
end
$$;

-- Wakes the readers, once a transaction. Its commit takes a lock that all notifying transactions share; logins, checks
-- and renewals change nothing that is told, so they never do.
create function auth.announce_changes() returns trigger
language plpgsql as $$
begin
    if exists (select from told) then
        perform pg_notify('portero_changes', '');
    end if;
    return null;
end
$$;

create trigger changes_announce after insert on auth.changes
    referencing new table as told
    for each statement execute function auth.announce_changes();

-- Whether this transaction may tell so many things more. A thousand at most, in all its statements and their triggers:
-- beyond, it says once that everything is to be asked again.
create function auth.may_tell(things bigint) returns boolean
language plpgsql as $$
declare
    told constant bigint := coalesce(nullif(current_setting('portero.told', true), '')::bigint, 0);
begin
    if told > 1000 then
        return false;
    end if;
    perform set_config('portero.told', (told + things)::text, true);
    if told + things > 1000 then
        insert into auth.changes (kind) values ('reset');
        return false;
    end if;
    return true;
end
$$;

-- Sessions that end, unless they are only swept up after their end. Backends know a session by a digest of its token's
-- digest: who has one has no token and no way to what is stored.
create function auth.tell_of_ended_sessions() returns trigger
language plpgsql as $$
begin
    if current_setting('portero.purging', true) = 'on' then
        return null;
    end if;
    if auth.may_tell((select count(*) from ended)) then
        insert into auth.changes (kind, person_id, session_id)
        select 'session-revoked', person_id, left(encode(sha256(token), 'hex'), 32) from ended;
    end if;
    return null;
end
$$;

create trigger tokens_cache_told after delete on auth.tokens_cache
    referencing old table as ended
    for each statement execute function auth.tell_of_ended_sessions();

-- Names, which answers show, and ends. By row: a statement's trigger would also run at each login (`last_login_at`).
create function auth.tell_of_person() returns trigger
language plpgsql as $$
begin
    if auth.may_tell(1) then
        insert into auth.changes (kind, person_id)
        values (case when tg_op = 'DELETE' or new.removed_at is not null
                     then 'account-purged' else 'token-claims-change' end, old.id);
    end if;
    return null;
end
$$;

create trigger person_told after update of username, name, removed_at on auth.person
    for each row when (
        (old.username, old.name, old.removed_at is null) is distinct from (new.username, new.name, new.removed_at is null)
    )
    execute function auth.tell_of_person();

create trigger person_deletion_told after delete on auth.person
    for each row when (old.removed_at is null)
    execute function auth.tell_of_person();

-- Tells whose grants changed where: pairs of a service and a person, or null for everybody in that service. When there
-- are too many pairs, everybody in each service.
create function auth.tell_of_grants(services integer[], people integer[]) returns void
language plpgsql as $$
begin
    if cardinality(services) > 1000 then
        services := array(select distinct service_id from unnest(services) service_id);
        people := array[]::integer[];
    end if;
    if auth.may_tell(coalesce(cardinality(services), 0)) then
        insert into auth.changes (kind, service_id, person_id)
        select distinct 'grants-changed', service_id, person_id
        from unnest(services, people) pair (service_id, person_id);
    end if;
end
$$;

-- Roles given and taken. More than a hundred grants in one service are told as everybody there.
create function auth.tell_of_held_roles() returns trigger
language plpgsql as $$
begin
    perform auth.tell_of_grants(array_agg(told.service_id), array_agg(told.person_id))
    from (
        select service_id, null::integer as person_id
        from changed
        group by service_id
        having count(*) > 100
        union
        select service_id, person_id
        from changed
        where service_id in (select service_id from changed group by service_id having count(*) <= 100)
    ) told;
    return null;
end
$$;

create trigger person_service_role_insert_told after insert on auth.person_service_role
    referencing new table as changed
    for each statement execute function auth.tell_of_held_roles();

create trigger person_service_role_delete_told after delete on auth.person_service_role
    referencing old table as changed
    for each statement execute function auth.tell_of_held_roles();

create trigger person_service_role_update_told_before after update on auth.person_service_role
    referencing old table as changed
    for each statement execute function auth.tell_of_held_roles();

create trigger person_service_role_update_told_after after update on auth.person_service_role
    referencing new table as changed
    for each statement execute function auth.tell_of_held_roles();

-- What a role carries, or how it or that is called: told wherever somebody holds the role. Of a role that is being
-- deleted nothing is told here: taking it from its holders tells that.
create function auth.tell_of_roles(roles integer[]) returns void
language sql as $$
    select auth.tell_of_grants(array_agg(offer.service_id), array_agg(role.direct_person_id))
    from auth.role
    join auth.service_roles offer on offer.role_id = role.id
    where role.id = any (roles)
      and exists (
          select from auth.person_service_role held
          where held.service_id = offer.service_id and held.role_id = role.id
      )
$$;

create function auth.tell_of_carried_permissions() returns trigger
language plpgsql as $$
begin
    perform auth.tell_of_roles(array(select distinct role_id from changed));
    return null;
end
$$;

create trigger role_permission_insert_told after insert on auth.role_permission
    referencing new table as changed
    for each statement execute function auth.tell_of_carried_permissions();

create trigger role_permission_delete_told after delete on auth.role_permission
    referencing old table as changed
    for each statement execute function auth.tell_of_carried_permissions();

create trigger role_permission_update_told_before after update on auth.role_permission
    referencing old table as changed
    for each statement execute function auth.tell_of_carried_permissions();

create trigger role_permission_update_told_after after update on auth.role_permission
    referencing new table as changed
    for each statement execute function auth.tell_of_carried_permissions();

create function auth.tell_of_renamed_roles() returns trigger
language plpgsql as $$
begin
    perform auth.tell_of_roles(array(
        select was.id from was join became on became.id = was.id where became.name <> was.name
    ));
    return null;
end
$$;

create trigger role_told after update on auth.role
    referencing old table as was new table as became
    for each statement execute function auth.tell_of_renamed_roles();

create function auth.tell_of_renamed_permissions() returns trigger
language plpgsql as $$
begin
    perform auth.tell_of_roles(array(
        select distinct carried.role_id
        from was
        join became on became.id = was.id
        join auth.role_permission carried on carried.permission_id = was.id
        where became.name <> was.name
    ));
    return null;
end
$$;

create trigger permission_told after update on auth.permission
    referencing old table as was new table as became
    for each statement execute function auth.tell_of_renamed_permissions();

create function auth.tell_of_revoked_keys() returns trigger
language plpgsql as $$
begin
    insert into auth.changes (kind, service_id, key_id)
    select 'key-revoked', service_id, id from revoked;
    return null;
end
$$;

create trigger service_keys_told after delete on auth.service_keys
    referencing old table as revoked
    for each statement execute function auth.tell_of_revoked_keys();

-- Rows that go without being looked at.
create function auth.tell_of_truncation() returns trigger
language plpgsql as $$
begin
    insert into auth.changes (kind)
    values (case when tg_table_name = 'service_keys' then 'key-revoked' else 'reset' end);
    return null;
end
$$;

create trigger tokens_cache_truncation_told after truncate on auth.tokens_cache
    for each statement execute function auth.tell_of_truncation();

create trigger person_service_role_truncation_told after truncate on auth.person_service_role
    for each statement execute function auth.tell_of_truncation();

create trigger role_permission_truncation_told after truncate on auth.role_permission
    for each statement execute function auth.tell_of_truncation();

create trigger service_keys_truncation_told after truncate on auth.service_keys
    for each statement execute function auth.tell_of_truncation();
