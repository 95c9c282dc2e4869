//! Members lie in the partitions that the page says.
use super::files;
use super::page::both;
use eros_points::actors::core::partition_of;

#[test]
fn members_are_hashed_to_partitions_as_the_page_says() {
    let page = both();
    let members = [("10080", "ec_18165fd7455_JGhyfyLmX"), ("10080", "m"), ("积分", "会员"), ("", "")];
    let pinned = [63, 8, 18, 13];
    for ((crm_id, member_no), pinned) in members.into_iter().zip(pinned) {
        assert_eq!(partition_of(crm_id, member_no), pinned, "{member_no} of {crm_id}");
        assert_eq!(files::partition(&page, crm_id, member_no), u64::from(pinned), "{member_no} of {crm_id}");
    }
}
