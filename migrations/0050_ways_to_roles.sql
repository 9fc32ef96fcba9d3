-- As auth.held_in says it, but a row for each way instead of arrays, and without a look for a direct grant where there can be none: a role
-- that is known to the asker is none.
create function auth.ways_to_roles(person_id integer, service_id integer, moment timestamptz, known bytea)
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
    select given.role_id, null, least(inside.expires_at, given.expires_at)
    from auth.group_people inside
    cross join lateral (
        select gsr.role_id, gsr.expires_at
        from auth.group_service_role gsr
        where gsr.group_id = inside.group_id
          and gsr.service_id = ways_to_roles.service_id
          and auth.lasts(gsr.expires_at, ways_to_roles.moment)
        -- First whose groups, whatever Postgres knows of the tables: who is in none is in none.
        offset 0
    ) given
    where inside.person_id = ways_to_roles.person_id and auth.lasts(inside.expires_at, ways_to_roles.moment)
$$;

comment on function auth.ways_to_roles(integer, integer, timestamptz, bytea) is
    'the roles of a person in a service, a row for each way to it, and until when; of a role whose bit is not set in what is known, one for each permission';
