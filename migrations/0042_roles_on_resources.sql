-- Whoever holds a role on a resource holds something: nobody takes that over, makes it mean more or gives it by a group who could not give
-- it themselves.

-- As `auth.roles_at` of services: one select, so that Postgres writes it into the statement that asks.
create function auth.roles_on_resources_at(moment timestamptz)
returns table (
    person_id integer, service_id integer, role_id integer, resource_id integer, expires_at timestamptz
)
language sql stable parallel safe as $$
    select given.person_id, given.service_id, given.role_id, given.resource_id, given.expires_at
    from auth.resource_roles given
    where given.person_id is not null
      and auth.lasts(given.expires_at, roles_on_resources_at.moment)
    union all
    select inside.person_id, given.service_id, given.role_id, given.resource_id, least(inside.expires_at, given.expires_at)
    from auth.group_people inside
    join auth.resource_roles given on given.group_id = inside.group_id
    where auth.lasts(inside.expires_at, roles_on_resources_at.moment)
      and auth.lasts(given.expires_at, roles_on_resources_at.moment)
$$;

comment on function auth.roles_on_resources_at(timestamptz) is
    'who holds which role on which resource beyond a moment, and until when: a row for each way, without the resources beneath';

create function auth.held_on_resources_at(moment timestamptz)
returns table (
    person_id integer, service_id integer, role_id integer, permission_id integer, expires_at timestamptz
)
language sql stable parallel safe as $$
    select held.person_id, held.service_id, held.role_id, carried.permission_id, held.expires_at
    from auth.roles_on_resources_at(held_on_resources_at.moment) held
    -- What roles that can be held on a resource carry does not end.
    join auth.role_permission carried on carried.role_id = held.role_id
$$;

comment on function auth.held_on_resources_at(timestamptz) is
    'who holds which permission on some resource of which service beyond a moment, by which role and until when';

-- As before, and on resources.
create or replace function auth.roles_of_group(of_group integer, moment timestamptz)
returns table (service_id integer, role_id integer, expires_at timestamptz)
language sql stable rows 10 as $$
    select given.service_id, given.role_id, least(above.expires_at, given.expires_at)
    from auth.groups_above(roles_of_group.of_group, roles_of_group.moment) above
    cross join lateral (
        select gsr.service_id, gsr.role_id, gsr.expires_at
        from auth.group_service_role gsr
        where gsr.group_id = above.group_id
        union all
        select rr.service_id, rr.role_id, rr.expires_at
        from auth.resource_roles rr
        where rr.group_id = above.group_id
    ) given
    where auth.lasts(given.expires_at, roles_of_group.moment)
$$;

comment on function auth.roles_of_group(integer, timestamptz) is
    'what whoever is in a group for good holds by that beyond a moment, in services and on resources, and until when';
