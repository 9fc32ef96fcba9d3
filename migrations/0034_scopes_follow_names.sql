-- Scopes name services and permissions, which get other names. What was granted stays what it was, and never becomes more.

alter table auth.clients
    -- Grows with each change of the client or of its audience: what was prepared before that is not stored after it.
    add column version bigint not null default 0;

-- When all of it is over, however often it is refreshed. `expires_at` is when that is unless it is refreshed: a code that nobody
-- comes for leaves nothing behind.
alter table auth.authorizations add column ends_at timestamptz;

update auth.authorizations
set ends_at = expires_at,
    expires_at = case when code_redeemed_at is null and code is not null then code_expires_at else expires_at end;

-- Services of the audience where only what scopes name is allowed, also when none of them is of a service that is called so.
alter table auth.authorizations add column narrowed integer[] not null default '{}';

alter table auth.access_tokens add column narrowed integer[] not null default '{}';

-- The services among these that a scope is of.
create function auth.services_of_scopes(services integer[], scopes text[]) returns integer[]
language sql stable as $$
    select array(
        select s.id
        from auth.services s
        where s.id = any (services)
          and exists (select from unnest(scopes) scope where starts_with(scope, s.name || ':'))
        order by s.id
    )
$$;

update auth.authorizations
set narrowed = auth.services_of_scopes(services, scopes)
where array_to_string(scopes, ' ') like '%:%';

update auth.access_tokens
set narrowed = auth.services_of_scopes(services, scopes)
where array_to_string(scopes, ' ') like '%:%';

-- In how many services a scope stands for a permission. Names may have colons, so there may be several.
create function auth.readings_of_scope(scope text) returns bigint
language sql stable as $$
    select count(*)
    from auth.services s
    where s.removed_at is null
      and starts_with(scope, s.name || ':')
      and exists (select from auth.permission p where p.name = substr(scope, length(s.name) + 2))
$$;

-- What a scope is called now, of a service or of a permission that was called otherwise; null for a scope of neither. To be
-- asked when the name is another one already.
create function auth.scope_renamed(scope text, service_was text, service_is text, permission_was text, permission_is text)
returns text
language sql stable as $$
    select case
        when starts_with(scope, service_was || ':') then service_is || substr(scope, length(service_was) + 1)
        when right(scope, length(permission_was) + 1) = ':' || permission_was and exists (
            select
            from auth.services s
            where s.name = left(scope, -length(permission_was) - 1) and s.removed_at is null
        ) then left(scope, -length(permission_was)) || permission_is
    end
$$;

-- The scopes in place of these, in order. An old one stays beside the new one where it stands for something else, too. What is
-- `granted` gets no name that would stand for something else, too: it loses it instead.
create function auth.scopes_renamed(
    scopes text[], service_was text, service_is text, permission_was text, permission_is text, granted boolean
) returns text[]
language sql stable as $$
    select array(
        select next.scope
        from unnest(scopes) with ordinality as own (scope, place)
        cross join lateral auth.scope_renamed(
            own.scope, service_was, service_is, permission_was, permission_is
        ) as renamed (scope)
        cross join lateral (
            select own.scope where renamed.scope is null or auth.readings_of_scope(own.scope) > 0
            union all
            select renamed.scope
            where renamed.scope is not null and (not granted or auth.readings_of_scope(renamed.scope) <= 1)
        ) as next (scope)
        group by next.scope
        order by min(own.place)
    )
$$;

-- Renames them wherever they are. Clients come first, as everywhere: whoever issues tokens of one holds it. A pushed request
-- stays as it is, and is refused.
create function auth.rename_scopes(
    service integer, service_was text, service_is text, permission_was text, permission_is text
) returns void
language plpgsql as $$
declare
    kept text;
    -- No scope has a line's end in it.
    pattern text := case
        when service_was is not null then e'\n' || service_was || ':'
        else ':' || permission_was || e'\n'
    end;
begin
    update auth.clients c
    set scopes = auth.scopes_renamed(scopes, service_was, service_is, permission_was, permission_is, false)
    where strpos(e'\n' || array_to_string(scopes, e'\n') || e'\n', pattern) > 0
       or exists (select from auth.client_audience a where a.client_id = c.id and a.service_id = service);
    foreach kept in array array['authorizations', 'access_tokens', 'device_authorizations', 'consents'] loop
        -- Many have the same few lists.
        execute format(
            $update$
            with lists as (
                select distinct scopes
                from auth.%1$I
                where strpos(e'\n' || array_to_string(scopes, e'\n') || e'\n', $1) > 0
            ), renamed as materialized (
                select scopes, auth.scopes_renamed(scopes, $2, $3, $4, $5, $6) as becomes
                from lists
            )
            update auth.%1$I set scopes = renamed.becomes from renamed where %1$I.scopes = renamed.scopes
            $update$,
            kept
        ) using pattern, service_was, service_is, permission_was, permission_is, kept <> 'device_authorizations';
    end loop;
end
$$;

create function auth.rename_scopes_of_service() returns trigger
language plpgsql as $$
begin
    perform auth.rename_scopes(new.id, old.name, new.name, null, null);
    return null;
end
$$;

create trigger services_rename_scopes after update of name on auth.services
    for each row when (old.name is distinct from new.name and new.removed_at is null)
    execute function auth.rename_scopes_of_service();

create function auth.rename_scopes_of_permission() returns trigger
language plpgsql as $$
begin
    perform auth.rename_scopes(null, null, null, old.name, new.name);
    return null;
end
$$;

create trigger permission_rename_scopes after update of name on auth.permission
    for each row when (old.name is distinct from new.name)
    execute function auth.rename_scopes_of_permission();

-- The name of a service that is gone is free. Nobody has agreed to anything of another one that takes it.
create function auth.forget_consents_of_service() returns trigger
language plpgsql as $$
begin
    update auth.consents
    set scopes = array(
        select scope
        from unnest(scopes) with ordinality as own (scope, place)
        where not starts_with(scope, old.name || ':') or auth.readings_of_scope(scope) > 0
        order by place
    )
    where strpos(e'\n' || array_to_string(scopes, e'\n'), e'\n' || old.name || ':') > 0;
    return null;
end
$$;

create trigger services_forget_consents after update of removed_at on auth.services
    for each row when (old.removed_at is null and new.removed_at is not null)
    execute function auth.forget_consents_of_service();

create trigger services_deletion_forgets_consents after delete on auth.services
    for each row when (old.removed_at is null)
    execute function auth.forget_consents_of_service();

create function auth.next_version_of_client() returns trigger
language plpgsql as $$
begin
    new.version := old.version + 1;
    return new;
end
$$;

create trigger clients_next_version before update on auth.clients
    for each row execute function auth.next_version_of_client();

create function auth.next_version_of_audience() returns trigger
language plpgsql as $$
begin
    update auth.clients set version = version where id in (select client_id from changed);
    return null;
end
$$;

create trigger client_audience_next_version_when_more after insert on auth.client_audience
    referencing new table as changed
    for each statement execute function auth.next_version_of_audience();

create trigger client_audience_next_version_when_less after delete on auth.client_audience
    referencing old table as changed
    for each statement execute function auth.next_version_of_audience();

-- Those of a client that are due, the oldest first.
create index backchannel_logouts_of_client_idx on auth.backchannel_logouts (client_id, next_try_at, id)
    where dead_at is null;
