-- Failures of a known device at a known network count apart, so that nobody who shares the network, or knows its address,
-- keeps its owner out there. One row of auth.login_attempts counts the failures of one of these:
--   person:<id>                       somebody, from wherever they are not known
--   person:<id>@<network>             somebody, at a network where they are known, with what they have not used there before
--   person:<id>@<network>#<device>    somebody, at a network where they are known, with what they have logged in with there
--   name:<sha256>                     a username that nobody has
--   address:<network>                 everybody at an address

-- (The one without a device stays for as long as older instances run.)
create function auth.attempts_key(person integer, network text, device bytea, now timestamptz) returns text
language plpgsql stable strict as $$
declare
    known_device boolean;
begin
    select bool_or(d.device = attempts_key.device) into known_device
    from auth.person_devices d
    where d.person_id = attempts_key.person
      and d.network = attempts_key.network::cidr
      and d.last_seen_at > attempts_key.now - interval '90 days';
    return 'person:' || person || case
        when known_device is null then ''
        when known_device then '@' || network || '#' || left(encode(attempts_key.device, 'hex'), 32)
        else '@' || network
    end;
end
$$;

-- Two tabs that refresh at once with one refresh token each get a pair: for a short time after it was exchanged, a token is
-- good for siblings of what it was exchanged for. So a family has several branches, each with an access token, and each
-- refresh token knows when it was exchanged and what came of it.

drop index auth.tokens_cache_family_key;
create index tokens_cache_family_idx on auth.tokens_cache (family_id) where family_id is not null;

alter table auth.refresh_tokens
    -- The generation of the token that was exchanged for it; null for the first of a family, and for those that instances of
    -- before handed out, of which only the newest is good; -1 for the refresh token of a pair that was lost, and is dead.
    add column parent integer,
    -- The access token of its pair, while that is there.
    add column session bytea,
    -- Null while it is good. (All but the newest of each family have been exchanged until now.)
    add column exchanged_at timestamptz default '1970-01-01T00:00:00Z',
    add constraint refresh_tokens_session_is_sha256 check (octet_length(session) = 32);

alter table auth.refresh_tokens alter column exchanged_at drop default;

update auth.refresh_tokens r
set exchanged_at = null,
    parent = f.parent,
    session = (select t.token from auth.tokens_cache t where t.family_id = f.id order by t.created_at desc limit 1)
from auth.refresh_families f
where f.id = r.family_id and f.generation = r.generation;
