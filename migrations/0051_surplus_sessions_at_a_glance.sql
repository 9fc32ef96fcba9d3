-- A login asks whether its person has too many sessions. Nearly nobody has: that takes one short look now, and what ranks and ends them is run
-- for the others alone.

create or replace function auth.end_surplus_sessions(
    newest bytea, told bigint, most integer,
    session_used timestamptz, session_begun timestamptz, family_used timestamptz, family_begun timestamptz
) returns integer
language plpgsql as $$
declare
    owner integer;
    ended text[];
begin
    select person_id into owner from auth.tokens_cache where token = newest;
    -- An upper bound, and nearly always few: also those that are over count here.
    if (
        select count(*)
        from (
            (select from auth.tokens_cache where person_id = owner limit most + 1)
            union all
            (select from auth.refresh_families where person_id = owner limit most + 1)
        ) any_of_theirs
    ) <= most then
        return 0;
    end if;
    with live as (
        select token, null::bigint as family_id, modified_at as used_at
        from auth.tokens_cache
        where person_id = owner and family_id is null and token <> newest
          and modified_at > session_used and created_at > session_begun
        union all
        select null, id, rotated_at
        from auth.refresh_families
        where person_id = owner and rotated_at > family_used and created_at > family_begun
    ), surplus as (
        select token, family_id
        from (
            select token, family_id, row_number() over (order by used_at) as n, count(*) over () as others from live
        ) ranked
        where n <= least(others - (most - 1), 500)
    ), sessions as (
        delete from auth.tokens_cache
        where token in (select token from surplus)
        returning left(encode(sha256(token), 'hex'), 32) as id
    ), families as (
        delete from auth.refresh_families
        where id in (select family_id from surplus)
        returning public_id as id
    )
    select array_agg(id) into ended
    from (select id from sessions union all select id from families) as both_kinds;
    if ended is null then
        return 0;
    end if;
    insert into auth.audit_events
        (at, action, actor, actor_id, subject_id, request_id, address, client_id, before, after)
    select at, 'session.revoked', actor, actor_id, subject_id, request_id, address, client_id,
           jsonb_build_object('session_id', session_id), jsonb_build_object('reason', 'too many sessions')
    from auth.audit_events, unnest(ended) as session_id
    where audit_events.id = told;
    return cardinality(ended);
end
$$;
