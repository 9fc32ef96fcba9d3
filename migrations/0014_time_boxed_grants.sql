-- Grants that end by themselves, and what a review of grants needs to know of each.
--
-- A grant is over in the very moment of `expires_at`, by Portero's clock: whoever reads grants compares, and deleting them
-- is only tidying up.

alter table auth.person_service_role
    -- Null: it does not end by itself.
    add column expires_at   timestamptz,
    add column reason       text,
    -- Who gave it; null for the command line, and for what is older than this column.
    add column granted_by   integer,
    -- The last time that somebody reviewed it and left it.
    add column confirmed_at timestamptz,
    add column confirmed_by integer,

    add constraint person_service_role_reason check (
        char_length(reason) between 1 and 500 and reason !~ '[[:cntrl:]]'
    ),
    add constraint person_service_role_granted_by_fkey foreign key (granted_by)
        references auth.person (id) on delete set null,
    add constraint person_service_role_confirmed_by_fkey foreign key (confirmed_by)
        references auth.person (id) on delete set null,

    -- Checks read nothing but this index, so the end is in it.
    drop constraint person_service_role_pkey,
    add constraint person_service_role_pkey primary key (person_id, service_id, role_id) include (expires_at);

drop index auth.person_service_role_offer_idx;
create index person_service_role_offer_idx on auth.person_service_role (service_id, role_id, person_id)
    include (expires_at);

-- For the purge.
create index person_service_role_expires_at_idx on auth.person_service_role (expires_at)
    where expires_at is not null;

create index person_service_role_granted_by_idx on auth.person_service_role (granted_by)
    where granted_by is not null;

create index person_service_role_confirmed_by_idx on auth.person_service_role (confirmed_by)
    where confirmed_by is not null;

-- The same of single permissions given directly: each permission of a role `direct:<person>:<service>` is a grant of its
-- own. What the roles of everybody carry does not end (`role_permission_ends_alone`), and has no reason and no reviewer.
alter table auth.role_permission
    add column expires_at   timestamptz,
    add column reason       text,
    add column granted_by   integer,
    add column confirmed_at timestamptz,
    add column confirmed_by integer,

    add constraint role_permission_reason check (
        char_length(reason) between 1 and 500 and reason !~ '[[:cntrl:]]'
    ),
    add constraint role_permission_granted_by_fkey foreign key (granted_by)
        references auth.person (id) on delete set null,
    add constraint role_permission_confirmed_by_fkey foreign key (confirmed_by)
        references auth.person (id) on delete set null,

    drop constraint role_permission_pkey,
    add constraint role_permission_pkey primary key (role_id, permission_id) include (expires_at);

create index role_permission_expires_at_idx on auth.role_permission (expires_at)
    where expires_at is not null;

create index role_permission_granted_by_idx on auth.role_permission (granted_by)
    where granted_by is not null;

create index role_permission_confirmed_by_idx on auth.role_permission (confirmed_by)
    where confirmed_by is not null;

create function auth.refuse_end_of_shared_permission() returns trigger
language plpgsql as $$
begin
    if not exists (select from auth.role where id = new.role_id and direct_person_id is not null) then
        raise exception 'what a role carries for everybody does not end'
            using errcode = 'check_violation',
                  constraint = 'role_permission_ends_alone',
                  hint = 'Grants end: the role in auth.person_service_role, or a permission that was given directly.';
    end if;
    return new;
end
$$;

create trigger role_permission_ends_alone before insert or update on auth.role_permission
    for each row when (new.expires_at is not null)
    execute function auth.refuse_end_of_shared_permission();

-- Backends are told when a grant's end changes, since their answers say when that is, but not of reasons and reviews.
drop trigger person_service_role_update_told_before on auth.person_service_role;
drop trigger person_service_role_update_told_after on auth.person_service_role;

create function auth.tell_of_changed_grants() returns trigger
language plpgsql as $$
begin
    perform auth.tell_of_grants(array_agg(told.service_id), array_agg(told.person_id))
    from (
        with changed as (
            (
                select person_id, service_id, role_id, expires_at from was
                except
                select person_id, service_id, role_id, expires_at from became
            )
            union all
            (
                select person_id, service_id, role_id, expires_at from became
                except
                select person_id, service_id, role_id, expires_at from was
            )
        ), crowded as (
            select service_id from changed group by service_id having count(*) > 100
        )
        select service_id, null::integer as person_id from crowded
        union
        select service_id, person_id from changed where service_id not in (select service_id from crowded)
    ) told;
    return null;
end
$$;

create trigger person_service_role_update_told after update on auth.person_service_role
    referencing old table as was new table as became
    for each statement execute function auth.tell_of_changed_grants();

drop trigger role_permission_update_told_before on auth.role_permission;
drop trigger role_permission_update_told_after on auth.role_permission;

create function auth.tell_of_changed_permissions() returns trigger
language plpgsql as $$
begin
    perform auth.tell_of_roles(array(
        select role_id
        from (
            (select role_id, permission_id, expires_at from was except select role_id, permission_id, expires_at from became)
            union all
            (select role_id, permission_id, expires_at from became except select role_id, permission_id, expires_at from was)
        ) changed
        group by role_id
    ));
    return null;
end
$$;

create trigger role_permission_update_told after update on auth.role_permission
    referencing old table as was new table as became
    for each statement execute function auth.tell_of_changed_permissions();

-- When somebody last got an answer about a service in which they hold something: to the day, since that is all a review
-- asks, and so that most answers write nothing.
create table auth.service_uses (
    person_id    integer not null,
    service_id   integer not null,
    last_used_on date not null,

    constraint service_uses_pkey primary key (person_id, service_id),
    constraint service_uses_person_fkey foreign key (person_id)
        references auth.person (id) on delete cascade,
    constraint service_uses_service_fkey foreign key (service_id)
        references auth.services (id) on delete cascade
);

create index service_uses_service_idx on auth.service_uses (service_id);

create function auth.forget_uses() returns trigger
language plpgsql as $$
begin
    if tg_table_name = 'person' then
        delete from auth.service_uses where person_id = new.id;
    else
        delete from auth.service_uses where service_id = new.id;
    end if;
    return null;
end
$$;

create trigger person_forget_uses after update of removed_at on auth.person
    for each row when (old.removed_at is null and new.removed_at is not null)
    execute function auth.forget_uses();

create trigger services_forget_uses after update of removed_at on auth.services
    for each row when (old.removed_at is null and new.removed_at is not null)
    execute function auth.forget_uses();

insert into auth.duties (name) values ('purge grants');
