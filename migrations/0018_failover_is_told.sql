-- After a failover the new primary may lack what the old one committed last, and with it positions that were told. So the
-- log knows which history it was placed in: the cluster, and its timeline, which every promotion begins anew. In another
-- history it goes on far beyond all that can have been told in the old one, with a reset for everybody: whoever has heard,
-- or asked, what is lost now forgets it.

alter table auth.changes_head add column history text;

alter table auth.changes drop constraint changes_kind;
alter table auth.changes add constraint changes_kind check (kind in (
    'session-revoked', 'token-claims-change', 'account-purged', 'grants-changed',
    -- So much at once that everything is to be asked again.
    'reset',
    -- The database went on elsewhere: everything is to be asked again.
    'failover',
    -- For ourselves: streams that were opened with this key end. Null means every key.
    'key-revoked'
));

-- Null where Postgres does not say: some hosted ones withhold these functions.
create function auth.history() returns text
language plpgsql as $$
begin
    return (select system_identifier from pg_control_system())
        || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
exception when others then
    return null;
end
$$;

-- As before, and where the history is another one.
create or replace function auth.place_changes(moment timestamptz, batch integer) returns bigint
language plpgsql as $$
declare
    now_in constant text := auth.history();
    head bigint;
    known_in text;
    count integer;
begin
    select placed, history into head, known_in from auth.changes_head;
    if known_in is not distinct from coalesce(now_in, known_in)
        and not exists (select from auth.changes where position is null)
    then
        return head;
    end if;
    select placed, history into head, known_in from auth.changes_head for no key update;
    if known_in is distinct from coalesce(now_in, known_in) then
        if known_in is not null then
            -- More than are placed in any history, and still a whole number to JavaScript after a million failovers.
            head := head + (1::bigint << 32);
            insert into auth.changes (kind, position, placed_at) values ('failover', head, moment);
        end if;
        update auth.changes_head set placed = head, history = now_in;
    end if;
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

-- Likewise the version of the vocabulary: numbers of transactions that were lost are given once more, and what Portero
-- holds of the lost ones must not pass for what is stored under the same number. Together with the time at which a
-- transaction began they are never the same.
create function auth.vocabulary_version() returns bigint
language sql as $$
    select hashtextextended(concat(pg_current_xact_id(), ' ', extract(epoch from transaction_timestamp())), 0)
$$;

create or replace function auth.change_vocabulary() returns trigger
language plpgsql as $$
declare
    changed constant bigint := auth.vocabulary_version();
begin
    update auth.vocabulary set version = changed where single and version <> changed;
    return null;
end
$$;

create or replace function auth.change_vocabulary_of_roles() returns trigger
language plpgsql as $$
declare
    changed constant bigint := auth.vocabulary_version();
begin
    if coalesce(new.direct_person_id, old.direct_person_id) is null then
        update auth.vocabulary set version = changed where single and version <> changed;
    end if;
    return null;
end
$$;

create or replace function auth.change_vocabulary_of_role_permissions() returns trigger
language plpgsql as $$
declare
    changed constant bigint := auth.vocabulary_version();
begin
    if exists (
        select from auth.role
        where id in (new.role_id, old.role_id) and direct_person_id is null
    ) then
        update auth.vocabulary set version = changed where single and version <> changed;
    end if;
    return null;
end
$$;

update auth.vocabulary set version = auth.vocabulary_version();
