-- Whether somebody holds a permission in a service, or everywhere: asked wherever one act needs what another act gave. What
-- ends by `moment` is not enough; beyond null, the end of time, only what does not end by itself is.
--
-- Of a set, so that Postgres writes it into the statement that asks: `exists (select from auth.held_where(…))`.
create function auth.held_where(person_id integer, permission_id integer, service_id integer, moment timestamptz)
returns setof integer
language sql stable as $$
    select psr.service_id
    from auth.person_service_role psr
    join auth.role_permission rp on rp.role_id = psr.role_id
    where psr.person_id = held_where.person_id
      and psr.service_id in (0, held_where.service_id)
      and rp.permission_id = held_where.permission_id
      and (psr.expires_at is null or psr.expires_at > held_where.moment)
      and (rp.expires_at is null or rp.expires_at > held_where.moment)
$$;

comment on function auth.held_where(integer, integer, integer, timestamptz) is
    'services (0 for everywhere, and the one asked about) in which a person holds a permission beyond a moment';
