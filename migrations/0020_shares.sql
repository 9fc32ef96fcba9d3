-- Nobody fills what all share: a bound to the sessions of a person, to how often they may do what is kept or told, and to
-- the keys that a caller may have answers kept under. And what concerns some is told of those.

-- Ends the sessions of a person that have gone unused longest, so that `most` are left, `newest` among them; it tells of
-- that like the event `told`, which tells of how that one began. Answers how many. What is over by the times given counts
-- for nothing.
--
-- To be called under a lock of the person. A function, so that it sees what those who had the lock before have begun. Of
-- a surplus from before there was a bound it ends five hundred at most: more at once would be told as everything.
create function auth.end_surplus_sessions(
    newest bytea, told bigint, most integer,
    session_used timestamptz, session_begun timestamptz, family_used timestamptz, family_begun timestamptz
) returns integer
language plpgsql as $$
declare
    owner integer;
    ended text[];
begin
    select person_id into owner from auth.tokens_cache where token = newest;
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

-- As before, but where there is too much to tell of grants, everybody in the services concerned hears that all there has
-- changed, and nobody in the others.
create or replace function auth.tell_of_grants(services integer[], people integer[]) returns void
language plpgsql as $$
declare
    -- Of which all has been said in this transaction.
    whole constant integer[] := coalesce(nullif(current_setting('portero.told_whole', true), '')::integer[], '{}');
    told constant bigint := coalesce(nullif(current_setting('portero.told', true), '')::bigint, 0);
    pairs bigint;
    further integer[];
begin
    select count(*), array_agg(distinct service_id) into pairs, further
    from unnest(services) service_id
    where service_id <> all (whole);
    if pairs = 0 then
        return;
    end if;
    if pairs <= 1000 and told + pairs <= 1000 then
        if auth.may_tell(pairs) then
            insert into auth.changes (kind, service_id, person_id)
            select distinct 'grants-changed', service_id, person_id
            from unnest(services, people) pair (service_id, person_id)
            where service_id <> all (whole);
        end if;
        return;
    end if;
    if told > 1000 then
        return;
    end if;
    if cardinality(whole) + cardinality(further) > 1000 then
        perform auth.may_tell(1001);
        return;
    end if;
    perform set_config('portero.told_whole', (whole || further)::text, true);
    insert into auth.changes (kind, service_id)
    select 'grants-changed', service_id from unnest(further) service_id;
end
$$;

-- As before, but where there are too many sessions to tell of, everybody hears that all about the people concerned has
-- changed, and nothing of others: whoever has many sessions makes nobody forget what they keep of all the rest.
create or replace function auth.tell_of_ended_sessions() returns trigger
language plpgsql as $$
declare
    -- Of whom all has been said in this transaction.
    whole constant integer[] := coalesce(nullif(current_setting('portero.told_people', true), '')::integer[], '{}');
    told constant bigint := coalesce(nullif(current_setting('portero.told', true), '')::bigint, 0);
    sessions bigint;
    further integer[];
begin
    if current_setting('portero.purging', true) = 'on' then
        return null;
    end if;
    select count(*), array_agg(distinct person_id) into sessions, further from ended where person_id <> all (whole);
    if sessions = 0 or told > 1000 then
        return null;
    end if;
    if told + sessions <= 1000 then
        if auth.may_tell(sessions) then
            insert into auth.changes (kind, person_id, session_id)
            select 'session-revoked', person_id, left(encode(sha256(token), 'hex'), 32)
            from ended
            where person_id <> all (whole);
        end if;
    elsif cardinality(whole) + cardinality(further) > 1000 then
        perform auth.may_tell(1001);
    else
        perform set_config('portero.told_people', (whole || further)::text, true);
        insert into auth.changes (kind, person_id)
        select 'token-claims-change', person_id from unnest(further) person_id;
    end if;
    return null;
end
$$;

-- Whose a key is, so that nobody has too many.
alter table auth.idempotency_keys add column caller text;

create index idempotency_keys_caller_idx on auth.idempotency_keys (caller, claimed_at) where caller is not null;

-- How much somebody has done of what is bounded in time: a leaky bucket, of which the moment is kept when it is empty.
-- Every instance asks here, so that a bound is one.
create table auth.quotas (
    -- <what>:<whose>
    key      text collate "C" not null,
    empty_at timestamptz not null,

    constraint quotas_pkey primary key (key)
);

-- For the purge.
create index quotas_empty_at_idx on auth.quotas (empty_at);

-- When the bucket of a family's refreshes is empty; null while nobody has refreshed it.
alter table auth.refresh_families add column refreshes_until timestamptz;

-- Likewise of somebody's logins, each of which the audit trail keeps. In the row that a login writes to anyway.
alter table auth.person add column logins_until timestamptz;
