-- A renewal changes `modified_at` and nothing else. While no index covers that column and its page has room, Postgres
-- writes the new version beside the old one and touches no index (a heap-only tuple), and the next reader of the page
-- clears the old one away: renewals leave the table as large as it was.
--
-- The purge needs no index: it walks through the table, a few pages at a time.

drop index auth.tokens_cache_modified_at_idx;
drop index auth.tokens_cache_created_at_idx;

alter table auth.tokens_cache set (fillfactor = 80);

-- Which of several instances does what one of them should do, and when next.
create table auth.duties (
    name   text not null,
    due_at timestamptz not null default now(),

    constraint duties_pkey primary key (name)
);

insert into auth.duties (name) values ('purge sessions');
