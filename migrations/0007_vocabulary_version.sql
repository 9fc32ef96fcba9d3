-- Portero holds the vocabulary (services, roles, permissions, and which permissions a role carries) in memory, and
-- reads with each batch of checks under which version it stands: another version than the one held means that it has
-- changed, and is loaded anew before anybody is answered.
--
-- Roles of direct grants are not part of it: there may be as many as there are people.

create table auth.vocabulary (
    single  boolean not null default true,
    -- The transaction that changed the vocabulary last. Two that did are never the same.
    version bigint not null,

    constraint vocabulary_pkey primary key (single),
    constraint vocabulary_one_row check (single)
);

insert into auth.vocabulary (version) values (pg_current_xact_id()::text::bigint);

create function auth.change_vocabulary() returns trigger
language plpgsql as $$
begin
    update auth.vocabulary
    set version = pg_current_xact_id()::text::bigint
    where single and version <> pg_current_xact_id()::text::bigint;
    return null;
end
$$;

create function auth.change_vocabulary_of_roles() returns trigger
language plpgsql as $$
begin
    if coalesce(new.direct_person_id, old.direct_person_id) is null then
        update auth.vocabulary
        set version = pg_current_xact_id()::text::bigint
        where single and version <> pg_current_xact_id()::text::bigint;
    end if;
    return null;
end
$$;

create function auth.change_vocabulary_of_role_permissions() returns trigger
language plpgsql as $$
begin
    if exists (
        select from auth.role
        where id in (new.role_id, old.role_id) and direct_person_id is null
    ) then
        update auth.vocabulary
        set version = pg_current_xact_id()::text::bigint
        where single and version <> pg_current_xact_id()::text::bigint;
    end if;
    return null;
end
$$;

-- At the end of the transaction: the row is locked as briefly as can be, and always last.
create constraint trigger services_change_vocabulary
    after insert or delete or update on auth.services
    deferrable initially deferred
    for each row execute function auth.change_vocabulary();

create constraint trigger permission_change_vocabulary
    after insert or delete or update on auth.permission
    deferrable initially deferred
    for each row execute function auth.change_vocabulary();

create constraint trigger role_change_vocabulary
    after insert or delete or update on auth.role
    deferrable initially deferred
    for each row execute function auth.change_vocabulary_of_roles();

create constraint trigger role_permission_change_vocabulary
    after insert or delete or update on auth.role_permission
    deferrable initially deferred
    for each row execute function auth.change_vocabulary_of_role_permissions();

create trigger services_truncate_vocabulary after truncate on auth.services
    for each statement execute function auth.change_vocabulary();

create trigger permission_truncate_vocabulary after truncate on auth.permission
    for each statement execute function auth.change_vocabulary();

create trigger role_truncate_vocabulary after truncate on auth.role
    for each statement execute function auth.change_vocabulary();

create trigger role_permission_truncate_vocabulary after truncate on auth.role_permission
    for each statement execute function auth.change_vocabulary();
