-- A list by prefix, in order of id, must be as fast among a million people as among a thousand. These answer the ids of
-- those who match without a look at the table (the plain column is there because Postgres would take it from the
-- table otherwise).

drop index auth.person_username_prefix_idx;
drop index auth.person_name_prefix_idx;

create index person_username_prefix_idx on auth.person (lower(username) text_pattern_ops, id) include (username)
    where removed_at is null;

create index person_name_prefix_idx on auth.person (lower(name) text_pattern_ops, id) include (name)
    where removed_at is null;

-- The roles that lists show: those of direct grants, of which there may be as many as people, are not among them.
create index role_listed_idx on auth.role (id)
    where direct_person_id is null;
