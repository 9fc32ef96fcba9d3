-- Where the chain of the audit trail begins moves forward only, to a seal that is there, and never in silence: otherwise
-- whoever may write that one row could cut off any part of the trail.

create function auth.refuse_untrue_beginning() returns trigger
language plpgsql as $$
begin
    if new.only_row and new.position > old.position and exists (
        select from auth.audit_seals where position = new.position and hash = new.hash
    ) then
        return new;
    end if;
    raise exception 'the audit trail is append-only'
        using errcode = 'insufficient_privilege',
              hint = 'Old events go by the setting AUDIT_RETENTION_DAYS.';
end
$$;

create trigger audit_pruned_forward before update on auth.audit_pruned
    for each row execute function auth.refuse_untrue_beginning();

create trigger audit_pruned_undeletable before delete on auth.audit_pruned
    for each row execute function auth.refuse_audit_change();

create trigger audit_pruned_no_truncation before truncate on auth.audit_pruned
    for each statement execute function auth.refuse_audit_change();

create function auth.refuse_untold_pruning() returns trigger
language plpgsql as $$
begin
    if not exists (
        select
        from auth.audit_unsealed u
        join auth.audit_events e on e.id = u.event_id
        where e.action = 'audit.pruned' and e.after @> jsonb_build_object('position', new.position)
    ) then
        raise exception 'the audit trail does not tell that it was pruned'
            using errcode = 'insufficient_privilege',
                  hint = 'Old events go by the setting AUDIT_RETENTION_DAYS.';
    end if;
    return null;
end
$$;

-- At the end of the transaction, when it has said all that it has to say.
create constraint trigger audit_pruned_told after update on auth.audit_pruned
    deferrable initially deferred
    for each row execute function auth.refuse_untold_pruning();
