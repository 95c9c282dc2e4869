//! Where the service was told which tenants there are.
use super::sending::accrual;
use super::{Server, path};
use eros_points::http::edge::Edge;

fn of(tenants: &[&str]) -> Server {
    let tenants = tenants.iter().map(|crm_id| (*crm_id).to_owned()).collect();
    Server::behind(Edge { tenants: Some(tenants), ..Edge::default() })
}

#[test]
fn serves_those_that_there_are() {
    let server = of(&["10080", "a_b"]);
    for crm_id in ["10080", "a_b", "%61_b"] {
        server.post_to(crm_id, "produce/direct", &accrual("e1", "m", 5)).data();
    }
}

#[test]
fn knows_no_other_and_opens_nothing_for_it() {
    let server = of(&["10080"]);
    let before = server.durable_records();
    for crm_id in ["10081", "1008", "a"] {
        let answer = server.post_to(crm_id, "produce/direct", &accrual("e1", "m", 5));
        assert_eq!(answer.refusal(404, 40400), format!("there is no tenant {crm_id}"));
        for route in ["summary?member_no=m", "lots?member_no=m", "summary"] {
            let answer = server.send("GET", &path(crm_id, route), &[], b"");
            assert!(answer.refusal(404, 40400).contains(crm_id), "{}", answer.text());
        }
    }
    let misnamed = server.send("GET", &path("a%20b", "summary?member_no=m"), &[], b"");
    assert!(misnamed.refusal(400, 40001).contains("crm_id"));
    assert_eq!(server.durable_records(), before);
    server.send("GET", "/readyz", &[], b"").data();
    server.get("nothing").refusal(404, 40400);
}
