//! Members come with their profiles.
use super::*;

fn ann() -> Value {
    json!({"kind": "member", "member_no": "ann", "mobile": "18600000001", "tier": "gold", "name": "Ann",
           "attributes": {"city": "Xi'an", "n": 1}, "create_time": "2020-05-01 10:00:00"})
}

fn lot() -> Value {
    json!({"kind": "lot", "member_no": "ann", "event_no": "a", "create_time": "2022-01-10 08:00:00", "points": 5})
}

#[test]
fn a_member_is_there_with_all_that_is_known_of_it_and_found_by_its_mobile() {
    let server = moved_in(&[ann(), lot(), json!({"kind": "member", "member_no": "bob"})]);
    let found = server.get("members/ann");
    let member = found.data();
    assert_eq!((&member["tier"], &member["name"]), (&json!("gold"), &json!("Ann")));
    assert_eq!(member["attributes"], json!({"city": "Xi'an", "n": 1}));
    assert_eq!(server.get("summary?mobile=18600000001").data()["total_points"], 5);
    assert_eq!(server.get("members/bob").data()["mobile"], Value::Null);
    let taken = json!({"mobile": "18600000001"});
    let refused = server.send(
        "PUT",
        &crate::support::server::path(TENANT, "members/bob"),
        &[],
        taken.to_string().as_bytes(),
    );
    refused.refusal(409, 40902);
}

#[test]
fn members_may_come_before_their_lots_where_the_file_says_since_when_they_are() {
    let folder = tempfile::tempdir().unwrap();
    assert!(import_into(folder.path(), &[ann()], |_| {}).written);
    let lots = import_into(folder.path(), &[lot()], |_| {});
    assert_eq!((lots.refused.len(), lots.imported), (0, 1));
}

#[test]
fn a_profile_that_was_changed_since_stays_as_it_is() {
    let mut server = moved_in(&[ann(), lot()]);
    let path = crate::support::server::path(TENANT, "members/ann");
    server.send("PUT", &path, &[], br#"{"name": "Ann B.", "mobile": "18600000009"}"#).data();
    server.stop();
    let again = import_into(server.folder(), &[ann(), lot()], |_| {});
    assert_eq!((again.profiles_set, again.profiles_kept, again.imported), (0, 1, 0));
    server.start_again();
    assert_eq!(server.get("members/ann").data()["name"], "Ann B.");
}

#[test]
fn a_mobile_is_one_members_in_the_file_and_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let other = |member: &str| json!({"kind": "member", "member_no": member, "mobile": "18600000001"});
    let refused = import_into(folder.path(), &[ann(), other("bob")], |_| {}).refused;
    assert_eq!((refused.len(), refused[0].line), (1, 2));
    assert!(refused[0].why.contains("mobile") && refused[0].why.contains("line 1"), "{refused:?}");
    assert!(import_into(folder.path(), &[ann()], |_| {}).written);
    let refused = import_into(folder.path(), &[other("carl")], |_| {}).refused;
    assert!(refused[0].why.contains("mobile: is another member's"), "{refused:?}");
    let elsewhere = json!({"kind": "member", "crm_id": "other", "member_no": "dan", "mobile": "18600000001"});
    assert!(import_into(folder.path(), &[elsewhere], |_| {}).written, "each tenant's mobiles are its own");
}
