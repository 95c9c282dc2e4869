//! Where each tenant may ask only so often.
use super::sending::accrual;
use super::{Server, path};
use crate::support::http::Answer;
use eros_points::http::edge::Edge;
use eros_points::http::rates::Rates;
use std::num::NonZeroU32;

/// One that takes so many requests of a tenant, and the next after a second.
fn sparing(burst: u32) -> Server {
    let number = |number| NonZeroU32::new(number).unwrap();
    Server::behind(Edge { rates: Some(Rates::new(number(1), number(burst))), ..Edge::default() })
}

fn read(server: &Server, crm_id: &str) -> Answer {
    server.send("GET", &path(crm_id, "summary?member_no=m"), &[], b"")
}

#[test]
fn turns_away_what_is_over_the_rate_and_says_when_to_come_again() {
    let server = sparing(3);
    // However slow the machine, some of so many come within a second of each other.
    let answers: Vec<Answer> = (0..50).map(|_| read(&server, "10080")).collect();
    assert!(answers[..3].iter().all(|answer| answer.status == 200));
    let refused = answers.iter().find(|answer| answer.status != 200).expect("one too many");
    refused.refusal(429, 42900);
    assert_eq!(refused.header("Retry-After"), Some("1"));
    let before = server.durable_records();
    while server.post_to("10080", "produce/direct", &accrual("e1", "m", 5)).status == 200 {}
    assert!(server.durable_records() <= before + 1, "what was turned away changed nothing");
}

#[test]
fn a_tenant_does_not_pay_for_another_and_the_service_itself_is_not_counted() {
    let server = sparing(1);
    while read(&server, "greedy").status == 200 {}
    for number in 0..20 {
        read(&server, &format!("modest-{number}")).data();
        server.send("GET", "/readyz", &[], b"").data();
        server.send("GET", "/nothing", &[], b"").refusal(404, 40400);
    }
}
