-- What a file says (`portero apply`) is marked: the next apply undoes what somebody else changes of it, so whoever does hears of
-- that; and `--prune` deletes nothing that a file has not made or named. A mark lives and ends with its row.

alter table auth.permission add column managed boolean not null default false;
alter table auth.role add column managed boolean not null default false;
alter table auth.services add column managed boolean not null default false;
alter table auth.service_roles add column managed boolean not null default false;
alter table auth.resource_types add column managed boolean not null default false;
alter table auth.policies add column managed boolean not null default false;
alter table auth.clients add column managed boolean not null default false;
alter table auth.groups add column managed boolean not null default false;
alter table auth.group_nestings add column managed boolean not null default false;
alter table auth.group_members add column managed boolean not null default false;
alter table auth.group_service_role add column managed boolean not null default false;
alter table auth.person_service_role add column managed boolean not null default false;

-- Portero's own is no file's.
alter table auth.permission add constraint permission_own_is_no_files check (id > 0 or not managed);
alter table auth.role add constraint role_own_is_no_files check (id > 0 and direct_person_id is null or not managed);
alter table auth.services add constraint services_portero_is_no_files check (id > 0 or not managed);

-- Noted for the rest of the transaction, so that its answer can say so.
create function auth.note_managed() returns trigger
language plpgsql as $$
begin
    perform set_config('portero.managed', 'changed', true);
    return null;
end
$$;

comment on function auth.note_managed() is 'notes that this transaction changes what a file manages';

create trigger permission_managed_changes after update on auth.permission
    for each row when (old.managed and (old.name, old.description) is distinct from (new.name, new.description))
    execute function auth.note_managed();
create trigger permission_managed_ends after delete on auth.permission
    for each row when (old.managed) execute function auth.note_managed();

create trigger role_managed_changes after update on auth.role
    for each row when (old.managed and (old.name, old.description) is distinct from (new.name, new.description))
    execute function auth.note_managed();
create trigger role_managed_ends after delete on auth.role
    for each row when (old.managed) execute function auth.note_managed();

create trigger services_managed_changes after update on auth.services
    for each row when (
        old.managed
        and (old.name, old.description, old.claims, old.removed_at)
            is distinct from (new.name, new.description, new.claims, new.removed_at)
    )
    execute function auth.note_managed();

create trigger service_roles_managed_ends after delete on auth.service_roles
    for each row when (old.managed) execute function auth.note_managed();

create trigger resource_types_managed_changes after update on auth.resource_types
    for each row when (old.managed and old.columns is distinct from new.columns) execute function auth.note_managed();
create trigger resource_types_managed_ends after delete on auth.resource_types
    for each row when (old.managed) execute function auth.note_managed();

create trigger policies_managed_changes after update on auth.policies
    for each row when (
        old.managed
        and (old.table_name, old.action, old.expression, old.description, old.effect)
            is distinct from (new.table_name, new.action, new.expression, new.description, new.effect)
    )
    execute function auth.note_managed();
create trigger policies_managed_ends after delete on auth.policies
    for each row when (old.managed) execute function auth.note_managed();

-- Its audience and its scopes count in its version.
create trigger clients_managed_changes after update on auth.clients
    for each row when (old.managed and (old.version, old.removed_at) is distinct from (new.version, new.removed_at))
    execute function auth.note_managed();

create trigger groups_managed_changes after update on auth.groups
    for each row when (old.managed and (old.name, old.description) is distinct from (new.name, new.description))
    execute function auth.note_managed();
create trigger groups_managed_ends after delete on auth.groups
    for each row when (old.managed) execute function auth.note_managed();

create trigger group_nestings_managed_changes after update on auth.group_nestings
    for each row when (old.managed and (old.expires_at, old.reason) is distinct from (new.expires_at, new.reason))
    execute function auth.note_managed();
create trigger group_nestings_managed_ends after delete on auth.group_nestings
    for each row when (old.managed) execute function auth.note_managed();

create trigger group_members_managed_changes after update on auth.group_members
    for each row when (old.managed and (old.expires_at, old.reason) is distinct from (new.expires_at, new.reason))
    execute function auth.note_managed();
create trigger group_members_managed_ends after delete on auth.group_members
    for each row when (old.managed) execute function auth.note_managed();

create trigger group_service_role_managed_changes after update on auth.group_service_role
    for each row when (old.managed and (old.expires_at, old.reason) is distinct from (new.expires_at, new.reason))
    execute function auth.note_managed();
create trigger group_service_role_managed_ends after delete on auth.group_service_role
    for each row when (old.managed) execute function auth.note_managed();

create trigger person_service_role_managed_changes after update on auth.person_service_role
    for each row when (old.managed and (old.expires_at, old.reason) is distinct from (new.expires_at, new.reason))
    execute function auth.note_managed();
create trigger person_service_role_managed_ends after delete on auth.person_service_role
    for each row when (old.managed) execute function auth.note_managed();

-- What a role carries, and what decides in a service, is said with the role and the service.
create function auth.note_managed_role() returns trigger
language plpgsql as $$
begin
    if exists (select from auth.role where id = coalesce(new.role_id, old.role_id) and managed) then
        perform set_config('portero.managed', 'changed', true);
    end if;
    return null;
end
$$;

create trigger role_permission_managed_changes after insert or delete on auth.role_permission
    for each row execute function auth.note_managed_role();

create function auth.note_managed_settings() returns trigger
language plpgsql as $$
begin
    if exists (select from auth.services where id = new.service_id and managed) then
        perform set_config('portero.managed', 'changed', true);
    end if;
    return null;
end
$$;

create trigger policy_settings_managed_change after update on auth.policy_settings
    for each row when (
        (old.policies_decide, old.permissions_decide) is distinct from (new.policies_decide, new.permissions_decide)
    )
    execute function auth.note_managed_settings();
