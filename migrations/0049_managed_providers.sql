-- Other identity providers can be said in a file, too (0040): marked, as all that is.

alter table auth.providers add column managed boolean not null default false;

-- The mark is no change of what instances hold in memory.
drop trigger providers_version on auth.providers;
create trigger providers_version before update on auth.providers
    for each row when (old.managed = new.managed) execute function auth.count_provider_version();

-- Whatever is changed counts in its version.
create trigger providers_managed_changes after update on auth.providers
    for each row when (old.managed and old.version is distinct from new.version) execute function auth.note_managed();
create trigger providers_managed_ends after delete on auth.providers
    for each row when (old.managed) execute function auth.note_managed();

-- Into which groups people come by it is said with the provider; a group that goes takes that with it.
create function auth.note_managed_provider() returns trigger
language plpgsql as $$
begin
    if exists (select from auth.providers where id = old.provider_id and managed) then
        perform set_config('portero.managed', 'changed', true);
    end if;
    return null;
end
$$;

create trigger provider_groups_managed_end after delete on auth.provider_groups
    for each row execute function auth.note_managed_provider();
