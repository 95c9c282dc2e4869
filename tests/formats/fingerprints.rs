//! Fingerprints are stored for ever: put together by the page, they are the ones that requests leave in the log.
use super::bytes;
use super::files::LogReader;
use super::page::both;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use eros_points::actors::beside::Beside;
use eros_points::actors::core::Bounds;
use eros_points::actors::service::Service;
use eros_points::actors::start::{Setup, start};
use eros_points::clock::Clock;
use eros_points::http::edge::Edge;
use eros_points::http::server::app;
use eros_points::ledger::Terms;
use eros_points::ledger::command::Fingerprint;
use eros_points::ledger::instant::Instant;
use eros_points::store::disk::RealDisk;
use eros_points::store::folder::Folder;
use eros_points::store::journal::JournalOptions;
use std::path::Path;
use std::sync::Arc;
use tower::ServiceExt;

/// The elements of the page, one after the other.
#[derive(Default)]
struct Elements(Vec<u8>);

impl Elements {
    fn text(mut self, text: &str) -> Elements {
        self.0.push(b's');
        self.0.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn texts(self, texts: &[&str]) -> Elements {
        texts.iter().fold(self, |elements, text| elements.text(text))
    }

    fn integer(mut self, number: i64) -> Elements {
        self.0.push(b'n');
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn boolean(mut self, value: u8) -> Elements {
        self.0.extend_from_slice(&[b'b', value]);
        self
    }

    fn tag(mut self, tag: u8) -> Elements {
        self.0.push(tag);
        self
    }

    fn decimal(mut self, negative: u8, digits: &str, exponent: i64) -> Elements {
        self.0.extend_from_slice(&[b'd', negative]);
        let mut elements = self.text(digits);
        elements.0.extend_from_slice(&exponent.to_le_bytes());
        elements
    }

    fn details(self) -> Elements {
        self.texts(&["action_scene", "order_pay", "store_code", "ec_mall", "cost_center", "cc-1"]).texts(&[
            "campaign_code",
            "618",
            "operator",
            "system",
            "event_desc",
            "下单",
        ])
    }

    fn hashed(&self) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        fingerprint.copy_from_slice(&blake3::hash(&self.0).as_bytes()[..16]);
        fingerprint
    }
}

/// A clock that stands still in June 2022.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Instant {
        Instant(1_655_280_000_000)
    }
}

fn setup(data: &Path) -> Setup {
    Setup {
        data_dir: data.to_owned(),
        disk: RealDisk::shared(),
        clock: Arc::new(Standing),
        journal: JournalOptions { min_free_bytes: 0, ..JournalOptions::default() },
        history_cache_bytes: 8 << 20,
        snapshot_every_bytes: 1 << 30,
        bounds: Bounds {
            live_actors_max: 100,
            in_flight_max: 100,
            index_lag_max: 10_000,
            resting_bytes_max: 0,
        },
        terms: Terms::default(),
        zone: chrono_tz::Asia::Shanghai,
        beside: Beside::Threads,
    }
}

/// Sends the requests to a service on a new folder, and gives the fingerprints that then stand in its log.
async fn logged(data: &Path, requests: &[(&str, String)]) -> Vec<String> {
    let service = Arc::new(Service::starting(chrono_tz::Asia::Shanghai));
    let running = start(setup(data), |_| {}).await.unwrap();
    service.ready(running.core.clone());
    for (route, body) in requests {
        let request = Request::post(format!("/api/crm/points/10080/{route}"))
            .header("content-type", "application/json")
            .body(Body::from(body.clone()))
            .unwrap();
        let response = app(service.clone(), Arc::new(Edge::default())).oneshot(request).await.unwrap();
        let (status, answer) = (response.status(), to_bytes(response.into_body(), 1 << 20).await.unwrap());
        assert_eq!(status, 200, "{body}: {}", String::from_utf8_lossy(&answer));
    }
    service.stop();
    running.stop().await;
    let (page, folder) = (both(), Folder::at(data));
    let mut reader = LogReader::new(&page);
    reader.segment(&std::fs::read(folder.wal.join("00000000000000000001.seg")).unwrap());
    let shown = reader.records.iter().map(|record| bytes::entry_shown(&page, &record.payload).unwrap());
    shown
        .filter_map(|entry| Some(entry.split_once("fingerprint: ")?.1.split_once(']')?.0.to_owned() + "]"))
        .collect()
}

const DETAILS: &str = r#""event_desc":"下单","operator":"system","campaign_code":"618","cost_center":"cc-1",
    "store_code":"ec_mall","action_scene":"order_pay""#;

#[tokio::test(flavor = "multi_thread")]
async fn what_requests_leave_in_the_log_is_hashed_as_the_page_says() {
    let start = |operation: &str| Elements::default().texts(&[operation, "m"]);
    // 2022-06-15 15:30:23 in Shanghai.
    let at = 1_655_278_223_000;
    let gift = start("produce/direct").texts(&["event_type", "event", "points"]).integer(10_000_000);
    let order =
        start("produce/direct").texts(&["event_type", "order", "points"]).integer(200_000).text("event_at");
    let order = order.integer(at).text("expire_days").integer(180).text("freeze_hours").integer(24).details();
    let order =
        order.text("order_info").tag(b'o').text("item_list").tag(b'a').tag(b'o').text("free").boolean(1);
    let order = order
        .text("none")
        .tag(b'a')
        .tag(b'0')
        .tag(b'e')
        .text("price")
        .decimal(1, "35", -1)
        .tag(b'e')
        .tag(b'e');
    let order =
        order.texts(&["order_sn", "1.0", "pay_amount"]).decimal(0, "1", 2).text("zero").decimal(0, "", 0);
    let order = order.tag(b'e');
    let by_rule =
        start("produce/by_rule").texts(&["event_type", "order", "rule_id"]).integer(1).text("points");
    let by_rule = by_rule.integer(12_000).text("event_at").integer(at).text("expire_days").integer(180);
    let by_rule = by_rule.text("freeze_hours").integer(0).details().text("order_items").tag(b'o');
    let by_rule = by_rule.text("item_list").tag(b'a').tag(b'e').texts(&["order_sn", "S", "pay_amount"]);
    let by_rule = by_rule.decimal(0, "1", 2).tag(b'e');
    let spend =
        start("consume/direct").text("points").integer(100_000).text("event_at").integer(at).details();
    let reversal = start("reverse/produce").texts(&["origin_event_no", "E", "allow_negative"]).boolean(1);
    let reversal = reversal.text("reverse_points").integer(5_000).text("event_at").integer(at);
    let reversal = reversal.text("refund_info").tag(b'o').text("refund_amount").decimal(0, "5", -1).tag(b'e');
    let give_back =
        start("reverse/consume").texts(&["origin_event_no", "S", "reverse_points"]).integer(5_000);
    let give_back = give_back.text("event_at").integer(at);
    let bare = start("consume/direct").text("points").integer(10_000);
    let offer = start("transfer").texts(&["to_user", "n", "points"]).integer(10_000);
    let send = start("transfer/direct").texts(&["to_user", "n", "points"]).integer(10_000);
    let rows = [
        ("produce/direct", r#"{"event_no":"A","member_no":"m","event_type":"event","points":1000}"#, gift),
        (
            "produce/direct",
            r#"{"event_no":"E","member_no":"m","event_type":"order","points":20,"event_at":"2022-06-15 15:30:23",
                "expire_days":180,"freeze_hours":24,DETAILS,"order_info":{"pay_amount":"100.00","order_sn":"1.0",
                "zero":-0.00,"item_list":[{"price":-3.50,"none":[null],"free":true,"left_out":null}]}}"#,
            order,
        ),
        (
            "produce/by_rule",
            r#"{"event_no":"L","member_no":"m","event_type":"order","rule_id":1,"points":"1.20",
                "event_at":"2022-06-15 15:30:23","expire_days":180,"freeze_hours":0,DETAILS,
                "order_info":{"pay_amount":100,"order_sn":"S","item_list":[]}}"#,
            by_rule,
        ),
        (
            "consume/direct",
            r#"{"event_no":"S","member_no":"m","points":10,"event_at":"2022-06-15 15:30:23",DETAILS}"#,
            spend,
        ),
        (
            "reverse/produce",
            r#"{"event_no":"R","member_no":"m","origin_event_no":"E","allow_negative":true,"reverse_points":0.5,
                "event_at":"2022-06-15 15:30:23","refund_info":{"refund_amount":0.50}}"#,
            reversal,
        ),
        (
            "reverse/consume",
            r#"{"event_no":"G","member_no":"m","origin_event_no":"S","reverse_points":0.5,
                "event_at":"2022-06-15 15:30:23"}"#,
            give_back,
        ),
        ("consume/direct", r#"{"event_no":"B","member_no":"m","points":1.0,"operator":null}"#, bare),
        (
            "transfer",
            r#"{"transfer_no":"T","trans_type":"by_points","from_user":"m","to_user":"n","points":1}"#,
            offer,
        ),
        ("transfer/direct", r#"{"transfer_no":"U","from_user":"m","to_user":"n","points":1}"#, send),
    ];
    let rule =
        r#"{"name":"r","action_scene":"order_pay","event_type":"order","earn":{"fixed":1}}"#.to_owned();
    let requests: Vec<_> = std::iter::once(("rules", rule))
        .chain(rows.iter().map(|(route, body, _)| (*route, body.replace("DETAILS", DETAILS))))
        .collect();
    let data = tempfile::tempdir().unwrap();
    let logged = logged(data.path(), &requests).await;
    assert_eq!(logged.len(), rows.len());
    for ((route, body, expected), logged) in rows.iter().zip(logged) {
        assert_eq!(logged, format!("{:?}", expected.hashed()), "{route} {body}");
    }
}
