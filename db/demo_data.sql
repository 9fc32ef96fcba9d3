-- The demo data: small, and the same everywhere. db/DB.md describes it.
-- Everybody's password is `<username>-hash`, e.g. `adm1-hash`: never load this into a server that others can reach.

begin;

insert into auth.services (id, name, description)
values
    (1, 'Service A', 'Demo catalog service'),
    (2, 'Service B', 'Internal billing service'),
    (3, 'Service C', 'Customer support portal'),
    (4, 'UI Store', 'Frontend store surface'),
    (5, 'ui-store', 'Frontend store surface');

insert into auth.role (id, name)
values (1, 'Admin'), (2, 'User'), (3, 'Editor'), (4, 'Viewer');

insert into auth.permission (id, name)
values (1, 'read'), (2, 'write'), (3, 'update'), (4, 'delete'), (5, 'share');

insert into auth.person (id, username, name, person_type, document_type, document_number, password_hash)
values
    ( 1, 'adm1', 'Admin One', 'N', 'DNI', '00000001',
     '$argon2id$v=19$m=19456,t=2,p=1$zzPtBgeHXFCwWtuE0mCHIA$r8yakfWX4/SUYrDR9Uqobwhspmz9cKMTu+iqvMhmxOI'),
    ( 2, 'usr1', 'User One', 'N', 'DNI', '00000002',
     '$argon2id$v=19$m=19456,t=2,p=1$cp/OpOBNSN37xl4SDYqOzg$3zG3RMq+a2Z0AQsNOWIE3QWxwwmH+oEXW72Mp9qWRAk'),
    ( 3, 'usr2', 'User Two', 'N', 'DNI', '00000003',
     '$argon2id$v=19$m=19456,t=2,p=1$LClZojd7vB3D5J099kxC3A$hiTm4Kj2ZJ3BMxHZT8fdxFHAVdnMPESgF541n4pE3Jk'),
    ( 4, 'usr3', 'User Three', 'N', 'DNI', '00000004',
     '$argon2id$v=19$m=19456,t=2,p=1$CAM+ttjiGA/OF/Ab62KYJQ$0ME9NLRpIZ8ESKfKENTKPWTpZCwgqqaHUERDu28Z4X8'),
    ( 5, 'editor1', 'Editor One', 'N', 'DNI', '00000005',
     '$argon2id$v=19$m=19456,t=2,p=1$MoKq20RX+eKldBUS6Zw/qQ$uS5hTGIZdcbdM1A1nfA1Er2BaRrtXkgQgyJ/YMBfA44'),
    ( 6, 'viewer1', 'Viewer One', 'N', 'DNI', '00000006',
     '$argon2id$v=19$m=19456,t=2,p=1$zFtGhzO2DygK2ZsqrxXopQ$kgWZyettT4S4jHVIWRCxEBN0WgjLzw/eCxlxb1PfLn8'),
    ( 7, 'juan', 'Juan Demo', 'N', 'DNI', '00000007',
     '$argon2id$v=19$m=19456,t=2,p=1$Elv6CHmPToK30d6H0L0Kuw$rbyLfZ516gpbdCgYhi3ePFBIObMxNbSVwJE7aX8TxdY'),
    ( 8, 'adm2', 'Admin Two', 'N', 'DNI', '00000008',
     '$argon2id$v=19$m=19456,t=2,p=1$vGdqFJ+Rn7y5mFPj5DTF3Q$yTB7wdprdDQaVIRtmWStCKXuY9JSdSEvsBKAEpHO3UY'),
    ( 9, 'adm3', 'Admin Three', 'N', 'DNI', '00000009',
     '$argon2id$v=19$m=19456,t=2,p=1$sB4M/d/EMVlMMYN2buWJ9g$BuxVfOuhO7/3ge8upMv5/1oxRZ2RSeQelNd6krZqKZw'),
    (10, 'usr4', 'User Four', 'N', 'DNI', '00000010',
     '$argon2id$v=19$m=19456,t=2,p=1$XpCbKkvYER8Ts/xFGBUVWw$sDqBHgZ3S4heUFnXs0cmRL+jMuK0c8avgD0S762aWis'),
    (11, 'usr5', 'User Five', 'N', 'DNI', '00000011',
     '$argon2id$v=19$m=19456,t=2,p=1$3LssbxEVaE8UVQaOG3vFkg$jM9GA2lV1IKZy0xgGE8y5Xe6v32eyg+iqoJSp+lToQQ'),
    (12, 'editor2', 'Editor Two', 'N', 'DNI', '00000012',
     '$argon2id$v=19$m=19456,t=2,p=1$VAl5/T5aa6p9/6Z6dycnDg$d7z3VcYXrkv2V4ZKcH/Jgbx/1Qs0oCEwU5J8ZwRm0Xw'),
    (13, 'editor3', 'Editor Three', 'N', 'DNI', '00000013',
     '$argon2id$v=19$m=19456,t=2,p=1$OpobSsXAfRpEZ0NILeI5SQ$kOK8VaJzy5ThWKcpEBR/45PIjmn1J0Gpm2WGW0qt23Q'),
    (14, 'viewer2', 'Viewer Two', 'N', 'DNI', '00000014',
     '$argon2id$v=19$m=19456,t=2,p=1$/H15jMdai/wKWv5cLQkjDg$eF/aeZAXB7YBobAm0lg7OE9Daml31r6c4Hdh6pGP6B0'),
    (15, 'viewer3', 'Viewer Three', 'N', 'DNI', '00000015',
     '$argon2id$v=19$m=19456,t=2,p=1$v9eSVvY0h0Sd00f6rJ7KCQ$QfwvAeG24L4reXeQfQTWzCar/jNfnqYQdQvUn5dtLHQ');

insert into auth.role_permission (role_id, permission_id)
values
    (1, 1), (1, 2), (1, 3), (1, 4),     -- Admin: read, write, update, delete
    (2, 1), (2, 2), (2, 3), (2, 4),     -- User: the same
    (3, 1), (3, 3),                     -- Editor: read, update
    (4, 1);                             -- Viewer: read

insert into auth.service_roles (service_id, role_id)
values (1, 1), (1, 2), (2, 2), (3, 3), (4, 4), (4, 1), (4, 2), (4, 3), (5, 4);

insert into auth.person_service_role (person_id, service_id, role_id)
values
    ( 1, 1, 1), ( 2, 1, 2), ( 3, 2, 2), ( 4, 3, 3), ( 5, 1, 1), ( 5, 3, 3), ( 6, 5, 4), ( 7, 4, 4),
    ( 8, 4, 1), ( 9, 4, 1), (10, 4, 2), (11, 4, 2), (12, 4, 3), (13, 4, 3), (14, 4, 4), (15, 4, 4);

-- adm1 is also an administrator of Portero itself.
insert into auth.person_service_role (person_id, service_id, role_id)
values (1, 0, 0);

-- The ids above were given by hand: the next ones follow them.
select setval(pg_get_serial_sequence('auth.services', 'id'), (select max(id) from auth.services));
select setval(pg_get_serial_sequence('auth.role', 'id'), (select max(id) from auth.role));
select setval(pg_get_serial_sequence('auth.permission', 'id'), (select max(id) from auth.permission));
select setval(pg_get_serial_sequence('auth.person', 'id'), (select max(id) from auth.person));

commit;
