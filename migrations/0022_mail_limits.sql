-- How often mails are asked for that go to somebody who did not ask: counted for whoever asks, for where they ask, and for
-- whoever would get them. Which of these may be how often is for Portero to say.
create table auth.mail_limits (
    -- `by:…` and the id of a person, `from:…` and a network, `to:…` and the SHA-256 of a mailbox.
    key        text collate "C" not null,
    -- When it was asked for, the earliest first; what is too long ago to count is left out. By Portero's clock.
    asked_at   timestamptz[] not null,
    -- When none of them counts any more.
    kept_until timestamptz not null,

    constraint mail_limits_pkey primary key (key)
);

create index mail_limits_kept_until_idx on auth.mail_limits (kept_until);

-- Whoever asks for a new password for nobody, and often, fills the share of their own network and nobody else's.
alter table auth.mails
    -- Where a mail without a recipient was asked for.
    add column network text,
    -- What tells of something goes before what somebody waits for.
    add column is_notice boolean not null
        generated always as (data ->> 'kind' not in ('password-reset', 'verify-email', 'invitation')) stored;

drop index auth.mails_due_idx;

create index mails_due_idx on auth.mails (is_notice, next_try_at)
    where dead_at is null and recipient is not null;

create index mails_unaddressed_idx on auth.mails (network, id)
    where recipient is null;
