-- In which services somebody holds a role by groups, so that a check looks once, however many groups they are in.
--
-- A row says that its person is in a group that holds, or has held, a role in that service: what they hold by it is read from
-- `group_people` and `group_service_role`. So a row too many costs a look and gives nothing; a row too few would take a right
-- away. Whoever takes a role from a group or ends a service therefore needs no lock here, and leaves the rows; whoever next
-- gives that group a role sweeps them up.
--
-- Locks the groups before the tables, as whoever changes a membership does: the other way round each might wait for the other.
select auth.lock_groups();

create table auth.group_people_services (
    person_id  integer not null,
    service_id integer not null,
    group_id   integer not null,

    constraint group_people_services_pkey primary key (person_id, service_id, group_id)
);

-- Nobody's membership changes while a group is given a role: each of the two would not see the other's row.
create trigger group_service_role_lock before insert or update of group_id, service_id on auth.group_service_role
    for each statement execute function auth.lock_before_nesting();

create function auth.follow_people_into_services() returns trigger
language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        delete from auth.group_people_services through
        using changed
        where through.person_id = changed.person_id and through.group_id = changed.group_id;
    else
        insert into auth.group_people_services (person_id, service_id, group_id)
        select distinct changed.person_id, given.service_id, changed.group_id
        from changed
        join auth.group_service_role given on given.group_id = changed.group_id
        on conflict do nothing;
    end if;
    return null;
end
$$;

create trigger group_people_insert_in_services after insert on auth.group_people
    referencing new table as changed
    for each statement execute function auth.follow_people_into_services();

create trigger group_people_delete_in_services after delete on auth.group_people
    referencing old table as changed
    for each statement execute function auth.follow_people_into_services();

create function auth.follow_roles_into_services() returns trigger
language plpgsql as $$
begin
    delete from auth.group_people_services through
    using auth.group_people inside
    where inside.group_id in (select group_id from changed)
      and through.person_id = inside.person_id
      and through.group_id = inside.group_id
      and not exists (
          select from auth.group_service_role given
          where given.group_id = through.group_id and given.service_id = through.service_id
      );
    insert into auth.group_people_services (person_id, service_id, group_id)
    select distinct inside.person_id, changed.service_id, changed.group_id
    from changed
    join auth.group_people inside on inside.group_id = changed.group_id
    on conflict do nothing;
    return null;
end
$$;

create trigger group_service_role_insert_in_services after insert on auth.group_service_role
    referencing new table as changed
    for each statement execute function auth.follow_roles_into_services();

create function auth.fill_group_people_services() returns trigger
language plpgsql as $$
begin
    insert into auth.group_people_services (person_id, service_id, group_id)
    select distinct inside.person_id, given.service_id, given.group_id
    from auth.group_service_role given
    join auth.group_people inside on inside.group_id = given.group_id
    on conflict do nothing;
    return null;
end
$$;

-- A role that moves to another group or service by hand.
create trigger group_service_role_update_in_services after update of group_id, service_id on auth.group_service_role
    for each statement execute function auth.fill_group_people_services();

-- Rows that go without being looked at.
create trigger group_people_services_truncation_refilled after truncate on auth.group_people_services
    for each statement execute function auth.fill_group_people_services();

-- Which fills it for the first time.
truncate auth.group_people_services;

create or replace function auth.refuse_flattened_by_hand() returns trigger
language plpgsql as $$
begin
    raise exception 'auth.% follows from %: change these', tg_table_name,
        coalesce(tg_argv[0], 'auth.group_members and auth.group_nestings');
end
$$;

create trigger group_people_services_follow before insert or update or delete on auth.group_people_services
    for each statement when (pg_trigger_depth() = 0)
    execute function auth.refuse_flattened_by_hand('auth.group_people and auth.group_service_role');

create function auth.ways_by_groups(person_id integer, service_id integer, moment timestamptz)
returns table (role_id integer, expires_at timestamptz)
language sql stable parallel safe as $$
    select given.role_id, given.expires_at
    from auth.group_people_services through
    cross join lateral (
        select gsr.role_id, least(inside.expires_at, gsr.expires_at) as expires_at
        from auth.group_people inside
        join auth.group_service_role gsr on gsr.group_id = inside.group_id
        where inside.person_id = through.person_id
          and inside.group_id = through.group_id
          and gsr.service_id = through.service_id
          and auth.lasts(inside.expires_at, ways_by_groups.moment)
          and auth.lasts(gsr.expires_at, ways_by_groups.moment)
        -- First whether there are any, whatever Postgres knows of the tables: who has no row there holds nothing by groups.
        offset 0
    ) given
    where through.person_id = ways_by_groups.person_id and through.service_id = ways_by_groups.service_id
$$;

comment on function auth.ways_by_groups(integer, integer, timestamptz) is
    'the roles of a person in a service by the groups that they are in, a row for each way to it, and until when';

create or replace function auth.ways_to_roles(person_id integer, service_id integer, moment timestamptz, known bytea)
returns table (role_id integer, permission_id integer, expires_at timestamptz)
language sql stable parallel safe as $$
    select psr.role_id, carried.permission_id, least(psr.expires_at, carried.expires_at)
    from auth.person_service_role psr
    left join lateral (
        select rp.permission_id, rp.expires_at
        from auth.carried_at(ways_to_roles.moment) rp
        where rp.role_id = psr.role_id
          and case
              when psr.role_id <= 0 then false
              when psr.role_id >= 8 * octet_length(ways_to_roles.known) then true
              else get_bit(ways_to_roles.known, psr.role_id) = 0
          end
        -- Only then.
        offset 0
    ) carried on true
    where psr.person_id = ways_to_roles.person_id
      and psr.service_id = ways_to_roles.service_id
      and auth.lasts(psr.expires_at, ways_to_roles.moment)
    union all
    select given.role_id, null, given.expires_at
    from auth.ways_by_groups(ways_to_roles.person_id, ways_to_roles.service_id, ways_to_roles.moment) given
$$;

create or replace function auth.held_in(person_id integer, service_id integer, moment timestamptz)
returns table (roles integer[], direct integer[], ends_at timestamptz)
language sql stable parallel safe as $$
    select held.roles, direct.permissions, least(held.ends_at, direct.ends_at)
    from (
        select coalesce(array_agg(way.role_id), '{}') as roles, min(way.expires_at) as ends_at
        from (
            select psr.role_id, psr.expires_at
            from auth.person_service_role psr
            where psr.person_id = held_in.person_id
              and psr.service_id = held_in.service_id
              and auth.lasts(psr.expires_at, held_in.moment)
            union all
            select given.role_id, given.expires_at
            from auth.ways_by_groups(held_in.person_id, held_in.service_id, held_in.moment) given
        ) way
    ) held
    cross join (
        select coalesce(array_agg(rp.permission_id), '{}') as permissions, min(rp.expires_at) as ends_at
        from auth.role r
        join auth.carried_at(held_in.moment) rp on rp.role_id = r.id
        where r.direct_person_id = held_in.person_id and r.direct_service_id = held_in.service_id
    ) direct
$$;
