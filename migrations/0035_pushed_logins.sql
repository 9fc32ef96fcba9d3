-- A login that a pushed request asks for is one in the browser that goes on with it.

alter table auth.pushed_requests
    -- The session of whoever has logged in for it: what asks for a login is satisfied there, and nowhere else.
    add column session bytea,
    add constraint pushed_requests_session_is_sha256 check (octet_length(session) = 32);
