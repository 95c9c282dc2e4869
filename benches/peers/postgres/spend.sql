-- POST consume/direct in one call: from the active lots, earliest expiry first, all or nothing.
create function spend(
    p_crm_id text, p_member_no text, p_event_no text, p_points bigint, p_event_at timestamptz,
    p_action_scene text, p_store_code text, p_cost_center text, p_campaign_code text, p_operator text, p_event_desc text
) returns answer language plpgsql as $$
declare
    v_fingerprint uuid := md5(row('spend', p_points, p_event_at, p_action_scene, p_store_code, p_cost_center,
        p_campaign_code, p_operator, p_event_desc)::text);
    v_now timestamptz := clock_timestamp();
    v_event_at timestamptz := coalesce(p_event_at, v_now);
    v_left bigint := p_points;
    v_taken jsonb := '[]';
    v_part bigint;
    v_lot lot;
    v_member_id bigint;
    v_next_due timestamptz;
    v_active bigint;
    v_auto_id bigint;
begin
    select member_id, next_due, active into v_member_id, v_next_due, v_active
        from member where crm_id = p_crm_id and member_no = p_member_no for no key update;
    if not found then
        return row(42201, false, null, null, null, null, null, 0, null)::answer;
    end if;
    perform 1 from record where member_id = v_member_id and event_no = p_event_no;
    if found then
        return replay(v_member_id, p_event_no, v_fingerprint);
    end if;
    if v_next_due <= v_now then
        v_active := settle(v_member_id, v_now);
    end if;
    if v_active < p_points then
        return row(42201, false, null, null, null, null, null, v_active, null)::answer;
    end if;
    for v_lot in
        select * from lot where member_id = v_member_id and (unfreeze_at is null or unfreeze_at <= v_now)
        order by expire_at, auto_id
    loop
        v_part := least(v_lot.remaining, v_left);
        v_left := v_left - v_part;
        v_taken := v_taken || jsonb_build_object('lot', v_lot.auto_id, 'points', v_part, 'expire_at', v_lot.expire_at);
        if v_part = v_lot.remaining then
            delete from lot
            where member_id = v_member_id and expire_at = v_lot.expire_at and auto_id = v_lot.auto_id;
        else
            update lot set remaining = remaining - v_part
            where member_id = v_member_id and expire_at = v_lot.expire_at and auto_id = v_lot.auto_id;
        end if;
        exit when v_left = 0;
    end loop;
    update member set active = active - p_points, used = used + p_points where member_id = v_member_id;
    v_auto_id := nextval('record_auto_id');
    insert into record (auto_id, member_id, fingerprint, points, active_after, event_at, created_at, event_type, event_no,
        action_scene, store_code, cost_center, campaign_code, operator, event_desc, items)
    values (v_auto_id, v_member_id, v_fingerprint, p_points, v_active - p_points, v_event_at, v_now, 'consume', p_event_no,
        p_action_scene, p_store_code, p_cost_center, p_campaign_code, p_operator, p_event_desc, v_taken);
    return row(0, false, v_auto_id, v_event_at, null, null, v_now, v_active - p_points, v_taken)::answer;
end $$;
