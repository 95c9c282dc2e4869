//! Brings in lots that all expire at one moment: accruals that happened a day before it, of points that live a day.
use crate::common::served::Served;
use crate::driving::asks::Numbers;
use crate::driving::requests::Tenant;
use crate::driving::template::{Template, place};
use crate::driving::wire::Connection;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const CONNECTIONS: usize = 4;
const BATCH: u64 = 5_000;
/// How long a batch that the service had no room for waits before it is sent again.
const SHED_PAUSE: Duration = Duration::from_millis(100);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A lot for each of so many members, by batches; they expire `moment` after 1970.
pub fn bring_in(service: &Served, tenant: &Tenant, numbers: &Numbers, lots: u64, moment: Duration) {
    let event_at = i64::try_from((moment - DAY).as_secs()).expect("a number");
    let event_at =
        chrono::DateTime::from_timestamp(event_at, 0).expect("a time").format("%Y-%m-%dT%H:%M:%SZ");
    let body = format!(
        r#"{{"op":"produce/direct","body":{{"event_no":"due-{}","member_no":"due-{}","event_type":"event","points":1,"event_at":"{event_at}","expire_days":1}}}}"#,
        place(0, 16),
        place(1, 9)
    );
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(service.address);
                let mut answer = Vec::new();
                loop {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    let size = BATCH.min(lots.saturating_sub(first));
                    if size == 0 {
                        return;
                    }
                    let mut template = batch(tenant, &body, size);
                    let mut member = first;
                    // The places come in pairs: the event, then its member.
                    let request = template.with_each(|which| match which {
                        0 => numbers.next(),
                        _ => {
                            member += 1;
                            member - 1
                        }
                    });
                    send(&mut connection, request, size, &mut answer);
                }
            });
        }
    });
}

fn batch(tenant: &Tenant, operation: &str, size: u64) -> Template {
    let operations = vec![operation; usize::try_from(size).expect("a number")].join(",");
    Template::of(format!(
        "POST /api/crm/points/{}/batch HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n[{operations}]",
        tenant.crm_id,
        operations.len() + 2
    ))
}

/// Until each operation has been done. Sent again it is done once: what was done the first time is a replay.
fn send(connection: &mut Connection, request: &[u8], size: u64, answer: &mut Vec<u8>) {
    loop {
        let (_, bytes) = connection.exchange(request, answer);
        let text = String::from_utf8_lossy(bytes);
        if text.matches(r#"{"status":200,"#).count() as u64 == size {
            return;
        }
        assert!(text.contains(r#""code":50303,"#), "not an answer that was expected: {text:.600}");
        std::thread::sleep(SHED_PAUSE);
    }
}
