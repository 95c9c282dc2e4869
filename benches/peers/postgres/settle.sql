-- What time has changed of a member whose row is locked: lots that expired leave the active or frozen points, lots that
-- unfroze join the active ones. Called only when something is due; gives the active points.
create function settle(p_member_id bigint, p_now timestamptz) returns bigint language plpgsql as $$
declare
    v_active bigint;
begin
    with gone as (
        delete from lot where member_id = p_member_id and expire_at <= p_now
        returning auto_id, remaining, expire_at, unfreeze_at
    ), noted as (
        insert into record (auto_id, member_id, points, event_at, expire_at, created_at, event_type)
        select nextval('record_auto_id'), p_member_id, remaining, expire_at, expire_at, p_now, 'expired' from gone
    ), thawed as (
        update lot set unfreeze_at = null
        where member_id = p_member_id and expire_at > p_now and unfreeze_at <= p_now
        returning remaining
    ), sums as (
        select coalesce(sum(remaining), 0) as all_expired,
            coalesce(sum(remaining) filter (where unfreeze_at is not null), 0) as frozen_expired
        from gone
    ), unfrozen as (
        select coalesce(sum(remaining), 0) as points from thawed
    )
    update member set
        expired = expired + all_expired,
        active = active - (all_expired - frozen_expired) + unfrozen.points,
        frozen = frozen - frozen_expired - unfrozen.points
    from sums, unfrozen where member_id = p_member_id;
    update member set next_due = (
        select coalesce(min(least(expire_at, coalesce(unfreeze_at, 'infinity'))), 'infinity')
        from lot where member_id = p_member_id)
    where member_id = p_member_id returning active into v_active;
    return v_active;
end $$;
