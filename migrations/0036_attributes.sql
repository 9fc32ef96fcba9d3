-- Attributes: what administrators say of people, for backends and for decisions. A backend is told those that its service asks
-- for, and no others.

alter table auth.person
    -- Names, and texts, numbers, booleans or lists of these.
    add column attributes jsonb not null default '{}',
    add constraint person_attributes check (jsonb_typeof(attributes) = 'object'),
    add constraint person_attributes_size check (octet_length(attributes::text) <= 8192),
    add constraint person_client_has_no_attributes check (client_id is null or attributes = '{}');

-- Who has none costs it nothing. No list of what is still to be added, through which every question would go.
create index person_attributes_idx on auth.person using gin (attributes jsonb_path_ops) with (fastupdate = off)
    where attributes <> '{}' and removed_at is null;

-- The ids of up to `most` people whose attributes are as the path says, in no order.
--
-- Always by the index: of a path that it does not know yet, Postgres expects one in a hundred to match, and might go through the
-- whole table for a few of them.
create function auth.people_with(path jsonpath, most integer) returns integer[]
language plpgsql stable
set enable_seqscan = off
set enable_indexscan = off
as $$
begin
    return array(
        select id
        from auth.person
        where attributes @@ path and attributes <> '{}' and removed_at is null
        limit most
    );
end
$$;

-- The attributes that a service is told of people.
alter table auth.services
    add column claims text[] not null default '{}',
    add constraint services_claims check (cardinality(claims) <= 50 and array_position(claims, null) is null),
    add constraint services_portero_claims_nothing check (id <> 0 or claims = '{}');

create index services_claims_idx on auth.services using gin (claims) where claims <> '{}' and removed_at is null;

-- Attributes are told to the services that see them.
create function auth.tell_of_attributes() returns trigger
language plpgsql as $$
declare
    changed constant text[] := array(
        select key
        from jsonb_each(old.attributes) was (key, value)
        full join jsonb_each(new.attributes) became (key, value) using (key)
        where was.value is distinct from became.value
    );
    seen_by constant integer[] := array(
        select id from auth.services where claims && changed and claims <> '{}' and removed_at is null
    );
begin
    if cardinality(seen_by) > 0 and auth.may_tell(cardinality(seen_by)) then
        insert into auth.changes (kind, person_id, service_id)
        select 'token-claims-change', new.id, unnest(seen_by);
    end if;
    return null;
end
$$;

create trigger person_attributes_told after update of attributes on auth.person
    for each row when (new.removed_at is null and old.attributes is distinct from new.attributes)
    execute function auth.tell_of_attributes();

-- What a service sees of everybody.
create function auth.tell_of_claims() returns trigger
language plpgsql as $$
begin
    perform auth.tell_of_grants(array[new.id], array[null::integer]);
    return null;
end
$$;

create trigger services_claims_told after update of claims on auth.services
    for each row when (new.removed_at is null and old.claims is distinct from new.claims)
    execute function auth.tell_of_claims();
