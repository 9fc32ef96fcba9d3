-- What is held at a moment: decided here, and asked here by every statement that wants to know.
--
-- All of it is one select each, stable, and neither strict nor of another's rights, so that Postgres writes it into the
-- statement that asks, and plans that as if it had stood there.

create function auth.lasts(expires_at timestamptz, moment timestamptz) returns boolean
language sql immutable parallel safe as $$
    select expires_at is null or expires_at > moment
$$;

comment on function auth.lasts(timestamptz, timestamptz) is
    'whether what ends then, or never (null), holds beyond a moment; beyond null, the end of time, holds what never ends';

create function auth.carried_at(moment timestamptz) returns setof auth.role_permission
language sql stable parallel safe as $$
    select rp.* from auth.role_permission rp where auth.lasts(rp.expires_at, carried_at.moment)
$$;

comment on function auth.carried_at(timestamptz) is
    'which permissions roles carry beyond a moment: those of direct roles may end';

-- A direct role is held while it carries something, and until the last of that ends.
create function auth.roles_at(moment timestamptz)
returns table (
    person_id integer, service_id integer, role_id integer, role text, direct boolean, expires_at timestamptz, reason text
)
language sql stable parallel safe as $$
    select psr.person_id, psr.service_id, psr.role_id, r.name, r.direct_person_id is not null,
           case when r.direct_person_id is null then psr.expires_at else carried.expires_at end, psr.reason
    from auth.person_service_role psr
    join auth.role r on r.id = psr.role_id
    cross join lateral (
        select count(*) as permissions,
               case when count(*) = count(rp.expires_at) then max(rp.expires_at) end as expires_at
        from auth.carried_at(roles_at.moment) rp
        where r.direct_person_id is not null and rp.role_id = r.id
    ) carried
    where auth.lasts(psr.expires_at, roles_at.moment)
      and (r.direct_person_id is null or carried.permissions > 0)
$$;

comment on function auth.roles_at(timestamptz) is 'who holds which role where beyond a moment, and until when';

create function auth.held_at(moment timestamptz)
returns table (
    person_id integer, service_id integer, role_id integer, permission_id integer, expires_at timestamptz
)
language sql stable parallel safe as $$
    select psr.person_id, psr.service_id, psr.role_id, rp.permission_id, least(psr.expires_at, rp.expires_at)
    from auth.person_service_role psr
    join auth.carried_at(held_at.moment) rp on rp.role_id = psr.role_id
    where auth.lasts(psr.expires_at, held_at.moment)
$$;

comment on function auth.held_at(timestamptz) is
    'who holds which permission where beyond a moment, by which role and until when';

create or replace function auth.held_where(person_id integer, permission_id integer, service_id integer, moment timestamptz)
returns setof integer
language sql stable as $$
    select held.service_id
    from auth.held_at(held_where.moment) held
    where held.person_id = held_where.person_id
      and held.service_id in (0, held_where.service_id)
      and held.permission_id = held_where.permission_id
$$;

-- By id, and without the role itself, which Portero has in memory: a check reads two indexes and no table but `role`. So the role
-- of a direct grant is among `roles` until it is swept up; it counts only where `direct` is not empty.
create function auth.held_in(person_id integer, service_id integer, moment timestamptz)
returns table (roles integer[], direct integer[], ends_at timestamptz)
language sql stable parallel safe as $$
    select held.roles, direct.permissions, least(held.ends_at, direct.ends_at)
    from (
        select coalesce(array_agg(psr.role_id), '{}') as roles, min(psr.expires_at) as ends_at
        from auth.person_service_role psr
        where psr.person_id = held_in.person_id
          and psr.service_id = held_in.service_id
          and auth.lasts(psr.expires_at, held_in.moment)
    ) held
    cross join (
        select coalesce(array_agg(rp.permission_id), '{}') as permissions, min(rp.expires_at) as ends_at
        from auth.role r
        join auth.carried_at(held_in.moment) rp on rp.role_id = r.id
        where r.direct_person_id = held_in.person_id and r.direct_service_id = held_in.service_id
    ) direct
$$;

comment on function auth.held_in(integer, integer, timestamptz) is
    'the roles of a person in a service, the permissions of their direct grant, and when the first of these ends';
