-- What others chose for somebody while that person held little, and could use once they hold more.

alter table auth.person
    -- Who set the password, where that was somebody else, who was no administrator of Portero for good. Null: the person
    -- themselves, an administrator, the command line; and for what is older than this column.
    add column password_set_by integer,
    -- Likewise who gave the address, until the person has confirmed it from a session of their own.
    add column email_given_by integer,
    add constraint person_password_set_by_fkey foreign key (password_set_by)
        references auth.person (id) on delete set null,
    add constraint person_email_given_by_fkey foreign key (email_given_by)
        references auth.person (id) on delete set null;

create index person_password_set_by_idx on auth.person (password_set_by) where password_set_by is not null;

create index person_email_given_by_idx on auth.person (email_given_by) where email_given_by is not null;
