-- The unique indexes know users' names and Portero's own apart. Whoever looks whether a name has both needs one for all.

create index role_name_idx on auth.role (name);
create index permission_name_idx on auth.permission (name);
