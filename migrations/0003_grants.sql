-- Who holds which role where.
--
-- A person holds a role in a service only while that service offers the role: the second foreign key says so, and
-- taking the role out of the service takes it from everybody there.

create table auth.service_roles (
    service_id integer not null,
    role_id    integer not null,
    created_at timestamptz not null default now(),

    constraint service_roles_pkey primary key (service_id, role_id),
    constraint service_roles_service_fkey foreign key (service_id)
        references auth.services (id) on delete cascade,
    constraint service_roles_role_fkey foreign key (role_id)
        references auth.role (id) on delete cascade
);

create index service_roles_role_idx on auth.service_roles (role_id);

create table auth.person_service_role (
    person_id  integer not null,
    service_id integer not null,
    role_id    integer not null,
    created_at timestamptz not null default now(),

    constraint person_service_role_pkey primary key (person_id, service_id, role_id),
    constraint person_service_role_person_fkey foreign key (person_id)
        references auth.person (id) on delete cascade,
    constraint person_service_role_offer_fkey foreign key (service_id, role_id)
        references auth.service_roles (service_id, role_id) on delete cascade
);

create index person_service_role_offer_idx on auth.person_service_role (service_id, role_id, person_id);

-- A removed service has no roles, whoever removed it: the API, the command line, somebody in psql.
create function auth.end_service() returns trigger
language plpgsql as $$
begin
    delete from auth.role where direct_service_id = new.id;
    delete from auth.service_roles where service_id = new.id;
    return null;
end
$$;

create trigger services_end after update of removed_at on auth.services
    for each row when (old.removed_at is null and new.removed_at is not null)
    execute function auth.end_service();
