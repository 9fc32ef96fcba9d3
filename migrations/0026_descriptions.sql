-- Roles and permissions say what they are for, as services do.

alter table auth.role add column description text;
alter table auth.permission add column description text;
