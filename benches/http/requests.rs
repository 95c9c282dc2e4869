//! The requests of the API that the load is made of, as templates, and where they go.
use super::template::{Template, place};

/// Digits of the numbers in a request: an event's, a member's.
const EVENT: usize = 16;
const MEMBER: usize = 9;

// The numbers of a template: 0 the event, 1 the member, 2 another member, 3 the event of an origin.

/// A tenant of a service, and the key that it asks for.
#[derive(Clone)]
pub struct Tenant {
    pub crm_id: String,
    pub key: Option<String>,
}

impl Tenant {
    fn head(&self, method: &str, route: &str) -> String {
        let authorization =
            self.key.as_ref().map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        let crm_id = &self.crm_id;
        format!("{method} /api/crm/points/{crm_id}/{route} HTTP/1.1\r\nhost: bench\r\n{authorization}")
    }

    fn post(&self, route: &str, body: &str) -> Template {
        let head = self.head("POST", route);
        let length = body.len();
        Template::of(format!(
            "{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }

    pub fn produce(&self) -> Template {
        self.post("produce/direct", &produce_body(20, 180))
    }

    pub fn consume(&self, points: u32) -> Template {
        self.post("consume/direct", &consume_body(points))
    }

    pub fn transfer(&self, points: u32) -> Template {
        let (event, member, other) = (event(0), member(1), member(2));
        let body = format!(
            r#"{{"transfer_no":"{event}","from_user":"{member}","to_user":"{other}","points":{points}}}"#
        );
        self.post("transfer/direct", &body)
    }

    pub fn reverse(&self) -> Template {
        let (event, member, origin) = (event(0), member(1), event(3));
        let body = format!(
            r#"{{"event_no":"{event}","member_no":"{member}","origin_event_no":"{origin}","allow_negative":true}}"#
        );
        self.post("reverse/produce", &body)
    }

    pub fn summary(&self) -> Template {
        let head = self.head("GET", &format!("summary?member_no={}", member(1)));
        Template::of(format!("{head}\r\n"))
    }

    /// The newest page of a member's history.
    pub fn member_page(&self) -> Template {
        self.post("history", &format!(r#"{{"member_no":"{}"}}"#, member(1)))
    }

    /// The newest page of the tenant's history.
    pub fn tenant_page(&self) -> Template {
        self.post("history", "{}")
    }

    /// A batch of so many accruals.
    pub fn batch(&self, size: usize, points: u64, expire_days: u32) -> Template {
        let operation = operation("produce/direct", &produce_body(points, expire_days));
        self.post("batch", &format!("[{}]", vec![operation; size].join(",")))
    }

    /// A batch of accruals, each followed by a spend of the same points: events that leave no lots behind.
    pub fn batch_of_pairs(&self, size: usize) -> Template {
        let accrual = operation("produce/direct", &produce_body(20, 180));
        let spend = operation("consume/direct", &consume_body(20));
        let operations: Vec<&str> = [&*accrual, &*spend].into_iter().cycle().take(size).collect();
        self.post("batch", &format!("[{}]", operations.join(",")))
    }
}

fn operation(op: &str, body: &str) -> String {
    format!(r#"{{"op":"{op}","body":{body}}}"#)
}

fn produce_body(points: u64, expire_days: u32) -> String {
    let (event, member) = (event(0), member(1));
    format!(
        r#"{{"event_no":"{event}","member_no":"{member}","action_scene":"order_pay","event_type":"order","points":{points},"expire_days":{expire_days},"freeze_hours":0,"store_code":"ec_mall","cost_center":"cost_center001","operator":"小程序","event_desc":"用户购买了100元酸奶"}}"#
    )
}

fn consume_body(points: u32) -> String {
    let (event, member) = (event(0), member(1));
    format!(
        r#"{{"event_no":"{event}","member_no":"{member}","points":{points},"action_scene":"user_discount","store_code":"ec_mall","operator":"小程序"}}"#
    )
}

fn event(which: u8) -> String {
    format!("EACH202206152028{}", place(which, EVENT))
}

fn member(which: u8) -> String {
    format!("ec_18165fd7455_{}", place(which, MEMBER))
}
