-- Whether the functions keep the API's promises; nothing of it stays.
begin;
do $$
declare
    a answer;
    m member;
begin
    a := produce('story', 'ann', 'late', 'order', 50, now() - interval '2 hours', 10, 1, null, null, null, null, null, null, null, null);
    assert a.active_after = 50, 'points whose freeze is over are active';
    a := produce('story', 'ann', 'frozen', 'order', 20, null, 180, 24, null, null, null, null, null, null, null, null);
    assert a.active_after = 50, 'frozen points are not';
    a := produce('story', 'ann', 'gone', 'order', 7, now() - interval '2 days', 1, 0, null, null, null, null, null, null, null, null);
    assert a.active_after = 50, 'nor are expired ones';
    a := produce('story', 'ann', 'long', 'order', 30, null, null, null, null, null, null, null, null, null, null, null);
    assert a.active_after = 80, 'points without expiry are active';
    a := produce('story', 'ann', 'wrong', 'order', 5, null, 1, 24, null, null, null, null, null, null, null, null);
    assert a.code = 40001, 'points can''t expire before they unfreeze';

    a := spend('story', 'ann', 'much', 81, null, null, null, null, null, null, null);
    assert a.code = 42201 and a.active_after = 80, 'a spend is all or nothing';
    a := spend('story', 'ann', 'spent', 60, null, null, null, null, null, null, null);
    assert a.active_after = 20 and jsonb_path_query_array(a.items, '$[*].points') = '[50, 10]', 'what expires first goes first';
    a := spend('story', 'ann', 'spent', 60, null, null, null, null, null, null, null);
    assert a.replayed and a.active_after = 20, 'a key counts once';
    a := spend('story', 'ann', 'spent', 61, null, null, null, null, null, null, null);
    assert a.code = 40901, 'and for one content';

    update lot set unfreeze_at = now() where unfreeze_at is not null;
    update member set next_due = now() where member_no = 'ann';
    a := produce('story', 'ann', 'after', 'order', 1, null, 180, 0, null, null, null, null, null, null, null, null);
    assert a.active_after = 41, 'time unfreezes';
    select * into m from member where member_no = 'ann';
    assert (m.total, m.active, m.frozen, m.expired, m.used) = (108, 41, 0, 7, 60), 'the sums add up';
    assert (select count(*) from record) = 7, 'a record for each change, and one for what expired';
end $$;
rollback;
