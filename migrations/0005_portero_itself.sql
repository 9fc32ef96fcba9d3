-- Portero is a service of its own, guarded by its own model. Its rows have ids <= 0, so that users' start at 1.
-- `src/access/permission.rs` names the same permissions; a test compares the two.

insert into auth.services (id, name, description)
values (0, 'portero', 'Portero itself: people, services, roles, permissions, grants');

insert into auth.permission (id, name)
values
    (  0, 'users:read'),
    ( -1, 'users:write'),
    ( -2, 'roles:read'),
    ( -3, 'roles:write'),
    ( -4, 'permissions:read'),
    ( -5, 'permissions:write'),
    ( -6, 'services:read'),
    ( -7, 'services:write'),
    ( -8, 'grants:read'),
    ( -9, 'grants:write'),
    (-10, 'audit:read');

insert into auth.role (id, name)
values
    ( 0, 'Administrator'),
    (-1, 'Writer'),
    (-2, 'Reader'),
    (-3, 'Auditor');

insert into auth.service_roles (service_id, role_id)
select 0, id from auth.role where id <= 0;

-- Administrator: everything.
insert into auth.role_permission (role_id, permission_id)
select 0, id from auth.permission where id <= 0;

-- Writer: people and grants, and reading what those refer to.
insert into auth.role_permission (role_id, permission_id)
select -1, id from auth.permission
where id <= 0
  and name in ('users:read', 'users:write', 'roles:read', 'permissions:read', 'services:read',
               'grants:read', 'grants:write');

-- Reader: reads all but the audit trail.
insert into auth.role_permission (role_id, permission_id)
select -2, id from auth.permission
where id <= 0
  and name in ('users:read', 'roles:read', 'permissions:read', 'services:read', 'grants:read');

-- Auditor: the audit trail, nothing else.
insert into auth.role_permission (role_id, permission_id)
select -3, id from auth.permission where name = 'audit:read';
