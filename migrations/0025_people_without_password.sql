-- People may be registered without a password, and choose one with a forgotten-password mail: no password is theirs until
-- then.

alter table auth.person alter column password_hash drop not null;
