-- POST produce/direct in one call: one round trip, one transaction.
create function produce(
    p_crm_id text, p_member_no text, p_event_no text, p_source_type text, p_points bigint,
    p_event_at timestamptz, p_expire_days integer, p_freeze_hours integer, p_amount bigint,
    p_action_scene text, p_store_code text, p_cost_center text, p_campaign_code text, p_operator text,
    p_event_desc text, p_order_items jsonb
) returns answer language plpgsql as $$
declare
    v_fingerprint uuid := md5(row('produce', p_source_type, p_points, p_event_at, p_expire_days, p_freeze_hours, p_amount,
        p_action_scene, p_store_code, p_cost_center, p_campaign_code, p_operator, p_event_desc, p_order_items)::text);
    v_now timestamptz := clock_timestamp();
    v_event_at timestamptz := coalesce(p_event_at, v_now);
    v_expire_at timestamptz := v_event_at + p_expire_days * interval '24 hours';
    v_unfreeze_at timestamptz := v_event_at + nullif(p_freeze_hours, 0) * interval '1 hour';
    -- None where the points are active at once, or have become so by now.
    v_frozen_until timestamptz := case when v_unfreeze_at > v_now then v_unfreeze_at end;
    v_frozen bigint := case when v_frozen_until is null then 0 else p_points end;
    v_due timestamptz := least(v_expire_at, v_frozen_until);
    v_member_id bigint;
    v_next_due timestamptz;
    v_active bigint;
    v_auto_id bigint;
begin
    if v_unfreeze_at >= v_expire_at then
        return row(40001, false, null, null, null, null, null, null, null)::answer;
    end if;
    -- Locks the member: its changes come one after the other.
    update member set total = total + p_points, active = active + p_points - v_frozen, frozen = frozen + v_frozen,
        next_due = least(next_due, v_due)
    where crm_id = p_crm_id and member_no = p_member_no
    returning member_id, next_due, active into v_member_id, v_next_due, v_active;
    if not found then
        insert into member as m (crm_id, member_no, total, active, frozen, next_due)
        values (p_crm_id, p_member_no, p_points, p_points - v_frozen, v_frozen, coalesce(v_due, 'infinity'))
        on conflict (crm_id, member_no) do update set total = m.total + p_points, active = m.active + p_points - v_frozen,
            frozen = m.frozen + v_frozen, next_due = least(m.next_due, v_due)
        returning member_id, next_due, active into v_member_id, v_next_due, v_active;
    end if;
    -- Under the lock nobody else makes a record of this member, so a look is enough.
    perform 1 from record where member_id = v_member_id and event_no = p_event_no;
    if found then
        update member set total = total - p_points, active = active - p_points + v_frozen, frozen = frozen - v_frozen
        where member_id = v_member_id;
        return replay(v_member_id, p_event_no, v_fingerprint);
    end if;
    v_auto_id := nextval('record_auto_id');
    insert into lot (member_id, expire_at, auto_id, remaining, unfreeze_at)
    values (v_member_id, coalesce(v_expire_at, 'infinity'), v_auto_id, p_points, v_frozen_until);
    if v_next_due <= v_now then
        v_active := settle(v_member_id, v_now);
    end if;
    insert into record (auto_id, member_id, fingerprint, points, active_after, amount, event_at, expire_at, unfreeze_at,
        created_at, event_type, source_type, event_no, action_scene, store_code, cost_center, campaign_code, operator,
        event_desc, items)
    values (v_auto_id, v_member_id, v_fingerprint, p_points, v_active, p_amount, v_event_at, v_expire_at, v_unfreeze_at,
        v_now, 'produce', p_source_type, p_event_no, p_action_scene, p_store_code, p_cost_center, p_campaign_code, p_operator,
        p_event_desc, p_order_items);
    return row(0, false, v_auto_id, v_event_at, v_expire_at, v_unfreeze_at, v_now, v_active, null)::answer;
end $$;

-- The first answer again, or 40901 where the number was used with other content.
create function replay(p_member_id bigint, p_event_no text, p_fingerprint uuid) returns answer language plpgsql as $$
declare
    v_answer answer;
    v_known uuid;
begin
    select 0, true, auto_id, event_at, expire_at, unfreeze_at, created_at, active_after, items
        into v_answer from record where member_id = p_member_id and event_no = p_event_no;
    select fingerprint into v_known from record where auto_id = v_answer.auto_id;
    if v_known <> p_fingerprint then
        return row(40901, false, null, null, null, null, null, null, null)::answer;
    end if;
    return v_answer;
end $$;
