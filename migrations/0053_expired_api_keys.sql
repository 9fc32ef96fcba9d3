-- API keys that are over stay for a while, so that whoever shows one, or looks for it in a list, is told that it has expired.
-- And a form makes one key, however often it is sent.

alter table auth.api_keys
    -- When the audit trail and the backends were told that it is over; null: not yet.
    add column end_told_at timestamptz,
    -- The form that has made it, on the page of the account; null: no form has.
    add column form bytea,
    add constraint api_keys_form check (octet_length(form) = 16);

create unique index api_keys_form_key on auth.api_keys (person_id, form) where form is not null;

create index api_keys_untold_idx on auth.api_keys (expires_at) where end_told_at is null;

create trigger api_keys_end_told after update of end_told_at on auth.api_keys
    for each row when (old.end_told_at is null and new.end_told_at is not null)
    execute function auth.tell_of_changed_api_key();

-- As before; but of those that are over, backends were told then.
create or replace function auth.tell_of_ended_api_keys() returns trigger
language plpgsql as $$
begin
    if auth.may_tell((select count(*) from ended where end_told_at is null)) then
        insert into auth.changes (kind, person_id, session_id)
        select 'session-revoked', person_id, left(encode(sha256(key_hash), 'hex'), 32)
        from ended
        where end_told_at is null;
    end if;
    return null;
end
$$;

-- Likewise.
create or replace function auth.follow_owner() returns trigger
language plpgsql as $$
begin
    if new.removed_at is not null then
        delete from auth.api_keys where person_id = new.id;
    elsif auth.may_tell((select count(*) from auth.api_keys where person_id = new.id and end_told_at is null)) then
        insert into auth.changes (kind, person_id, session_id)
        select 'session-revoked', person_id, left(encode(sha256(key_hash), 'hex'), 32)
        from auth.api_keys
        where person_id = new.id and end_told_at is null;
    end if;
    update auth.person
    set disabled_at = coalesce(new.removed_at, new.disabled_at), updated_at = coalesce(new.removed_at, new.disabled_at)
    where owner_id = new.id and removed_at is null and disabled_at is null;
    return null;
end
$$;
