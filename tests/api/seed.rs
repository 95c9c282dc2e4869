//! The examples of the API's first description, sent as they stand there, years later.
use super::sending::accrual;
use super::shapes::{check_change, check_record, check_summary};
use super::{Instant, Options, Server, Span, json};

const ACCRUAL: &str = r#"{
    "event_no": "EACH20220615202826397549953503",
    "member_no": "ec_18165fd7455_JGhyfyLmX",
    "action_scene": "order_pay",
    "event_type":"order",
    "points": 20,
    "event_at": "2022-06-15 18:00:00",
    "expire_days": 180,
    "freeze_hours": 0,
    "store_code": "ec_mall",
    "cost_center": "cost_center001",
    "operator":"小程序",
    "event_desc":"用户购买了100元酸奶",
    "order_info":{}
}"#;

const SPEND: &str = r#"{
    "event_no": "EACH20220615202826397549953504",
    "member_no": "ec_18165fd7455_JGhyfyLmX",
    "action_scene": "user_discount",
    "points": 10,
    "event_at": "2022-06-15 18:00:00",
    "store_code": "ec_mall",
    "cost_center": "cost_center001",
    "campaign_code": "618",
    "operator":"积分商城",
    "event_desc":"用户消耗了10个积分"
}"#;

const OFFER: &str = r#"{
    "transfer_no": "EACH20220615202826397549953505",
    "from_user": "ec_18165fd7455_JGhyfyLmX",
    "to_user": "mc_18165fd7455_JGhyfyLm2",
    "trans_type":"by_poins",
    "points": 10
}"#;

const ACCEPT: &str = r#"{
    "transfer_no": "EACH20220615202826397549953505",
    "member_no": "mc_18165fd7455_JGhyfyLm2"
}"#;

const REVERSE_ACCRUAL: &str = r#"{
    "event_no": "20220615202826397549953509",
    "member_no": "ec_18165fd7455_JGhyfyLmX",
    "origin_event_no":"20220615202826397549953508",
    "allow_negative": false,
    "reverse_points": 10
}"#;

const REVERSE_SPEND: &str = r#"{
    "event_no": "20220615202826397549953514",
    "member_no": "ec_18165fd7455_JGhyfyLmX",
    "origin_event_no":"20220615202826397549953513",
    "reverse_points":20
}"#;

const HISTORY: &str = r#"{
    "search_type":"produce",
    "start_time":"2022-06-01 12:00:00",
    "end_time":"2022-07-01 12:00:00",
    "member_no":"ec_18165fd7455_JGhyfyLmX"
}"#;

const MEMBER: &str = "ec_18165fd7455_JGhyfyLmX";
const FRIEND: &str = "mc_18165fd7455_JGhyfyLm2";

/// Noon of 2026-11-24 in Shanghai.
fn years_later() -> Server {
    Server::with(Options { now: Instant(1_795_492_800_000), ..Options::default() })
}

#[test]
fn accrues_what_has_long_expired() {
    let server = years_later();
    let answer = server.post_text("produce/direct", ACCRUAL);
    let record = json!({
        "member_no": MEMBER, "event_no": "EACH20220615202826397549953503", "action_scene": "order_pay",
        "event_type": "produce", "source_type": "order", "points": 20, "event_at": "2022-06-15 18:00:00",
        "expire_time": "2022-12-12 18:00:00", "store_code": "ec_mall", "cost_center": "cost_center001",
        "operator": "小程序", "event_desc": "用户购买了100元酸奶", "create_time": "2026-11-24 12:00:00",
        "update_time": "2026-11-24 12:00:00"
    });
    check_change(answer.data(), json!(0), record);
    server.check_story(MEMBER, &[("expired", "20"), ("produce", "20")]);
    server.check_sums(MEMBER, ["20", "0", "20", "0", "0"]);
    let again = server.post_text("produce/direct", ACCRUAL);
    assert!(again.is_replay());
    assert_eq!(again.body, answer.body);
}

#[test]
fn spends_what_is_there_today_whatever_the_example_is_dated() {
    let server = years_later();
    server.post_text("produce/direct", ACCRUAL).data();
    server.post_text("consume/direct", SPEND).refusal(422, 42201);
    server.accrue("today", MEMBER, 25);
    let answer = server.post_text("consume/direct", SPEND);
    let record = json!({
        "member_no": MEMBER, "event_no": "EACH20220615202826397549953504", "action_scene": "user_discount",
        "event_type": "consume", "points": 10, "event_at": "2022-06-15 18:00:00", "store_code": "ec_mall",
        "cost_center": "cost_center001", "campaign_code": "618", "operator": "积分商城",
        "event_desc": "用户消耗了10个积分", "create_time": "2026-11-24 12:00:00",
        "update_time": "2026-11-24 12:00:00"
    });
    check_change(answer.data(), json!(15), record);
}

#[test]
fn offers_and_accepts() {
    let server = years_later();
    server.post_text("accept", ACCEPT).refusal(404, 40403);
    server.post_text("transfer", OFFER).refusal(422, 42201);
    server.accrue("today", MEMBER, 25);
    let sent = json!({
        "member_no": MEMBER, "event_no": "EACH20220615202826397549953505", "event_type": "transfer",
        "points": 10,
        "create_time": "2026-11-24 12:00:00", "update_time": "2026-11-24 12:00:00"
    });
    check_change(server.post_text("transfer", OFFER).data(), json!(15), sent);
    let received = json!({
        "member_no": FRIEND, "event_no": "EACH20220615202826397549953505",
        "from_transfer_no": "EACH20220615202826397549953505", "event_type": "accept", "points": 10,
        "create_time": "2026-11-24 12:00:00", "update_time": "2026-11-24 12:00:00"
    });
    check_change(server.post_text("accept", ACCEPT).data(), json!(10), received);
}

#[test]
fn reverses_an_accrual() {
    let server = years_later();
    server.post_text("reverse/produce", REVERSE_ACCRUAL).refusal(404, 40402);
    server.accrue("20220615202826397549953508", MEMBER, 30);
    let record = json!({
        "member_no": MEMBER, "event_no": "20220615202826397549953509",
        "origin_event_no": "20220615202826397549953508", "event_type": "reverse_produce", "points": 10,
        "event_at": "2026-11-24 12:00:00", "create_time": "2026-11-24 12:00:00",
        "update_time": "2026-11-24 12:00:00"
    });
    check_change(server.post_text("reverse/produce", REVERSE_ACCRUAL).data(), json!(20), record);
}

#[test]
fn gives_back_a_spend() {
    let server = years_later();
    server.post_text("reverse/consume", REVERSE_SPEND).refusal(404, 40402);
    server.accrue("today", MEMBER, 30);
    server.spend("20220615202826397549953513", MEMBER, 25);
    let record = json!({
        "member_no": MEMBER, "event_no": "20220615202826397549953514",
        "origin_event_no": "20220615202826397549953513", "event_type": "reverse_consume", "points": 20,
        "event_at": "2026-11-24 12:00:00", "create_time": "2026-11-24 12:00:00",
        "update_time": "2026-11-24 12:00:00"
    });
    check_change(server.post_text("reverse/consume", REVERSE_SPEND).data(), json!(25), record);
}

#[test]
fn finds_in_june_what_was_recorded_in_june() {
    // 2022-06-16 11:45:23, as in the example's answer.
    let server = Server::with(Options { now: Instant(1_655_351_123_000), ..Options::default() });
    let mut body = accrual("add20220615202826397549953512", MEMBER, 30);
    for (name, value) in [
        ("action_scene", json!("order_pay")),
        ("event_at", json!("2022-06-16 10:10:00")),
        ("expire_days", json!(180)),
        ("store_code", json!("ec_mall")),
        ("cost_center", json!("cost_center001")),
        ("operator", json!("小程序")),
        ("event_desc", json!("用户多了30积分,无冻结时间")),
    ] {
        body[name] = value;
    }
    server.does("produce/direct", body);
    server.spend("s", MEMBER, 1);
    server.pass(Span::days(30));
    server.accrue("in_july", MEMBER, 1);
    let answer = server.post_text("history", HISTORY);
    assert_eq!(answer.data()["total"], json!(1));
    check_record(
        &answer.data()["items"][0],
        json!({
            "member_no": MEMBER, "event_no": "add20220615202826397549953512", "action_scene": "order_pay",
            "event_type": "produce", "source_type": "order", "points": 30, "event_at": "2022-06-16 10:10:00",
            "expire_time": "2022-12-13 10:10:00", "store_code": "ec_mall", "cost_center": "cost_center001",
            "operator": "小程序", "event_desc": "用户多了30积分,无冻结时间",
            "create_time": "2022-06-16 11:45:23", "update_time": "2022-06-16 11:45:23"
        }),
    );
    let later = years_later();
    later.post_text("produce/direct", ACCRUAL).data();
    assert_eq!(later.post_text("history", HISTORY).data()["total"], json!(0), "recorded years later");
}

#[test]
fn sums_up() {
    let server = years_later();
    let answer = server.get("summary?member_no=M220704308572703018");
    check_summary(answer.data(), json!({"member_no": "M220704308572703018"}));
}
