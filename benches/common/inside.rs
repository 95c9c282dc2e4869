//! The service in the bench's own process, without HTTP: how it is set up, and what it is asked.
use eros_points::actors::beside::Beside;
use eros_points::actors::core::Bounds;
use eros_points::actors::start::Setup;
use eros_points::clock::SystemClock;
use eros_points::ledger::Terms;
use eros_points::ledger::command::{Accrue, Command, Details, SourceType};
use eros_points::ledger::instant::Span;
use eros_points::ledger::points::Points;
use eros_points::store::disk::RealDisk;
use eros_points::store::error::StoreError;
use eros_points::store::journal::{Batch, JournalOptions, Sink};
use std::path::Path;
use std::sync::Arc;

/// The service as users have it, but for what a bench turns.
pub fn setup(
    data: &Path,
    snapshot_every_bytes: u64,
    live_actors_max: usize,
    resting_bytes_max: u64,
) -> Setup {
    Setup {
        data_dir: data.to_owned(),
        disk: RealDisk::shared(),
        clock: Arc::new(SystemClock::new(Span::days(1))),
        journal: JournalOptions {
            segment_bytes: 32 << 20,
            min_free_bytes: 32 << 20,
            ..JournalOptions::default()
        },
        history_cache_bytes: 32 << 20,
        snapshot_every_bytes,
        bounds: Bounds { live_actors_max, resting_bytes_max, in_flight_max: 20_000, index_lag_max: 500_000 },
        terms: Terms::default(),
        zone: chrono_tz::Tz::Asia__Shanghai,
        beside: Beside::Threads,
    }
}

/// Where a log's writer hands on what nobody waits for.
pub struct Nobody;

impl Sink<()> for Nobody {
    fn durable(&mut self, _: Batch) {}
    fn release(&mut self, _: Vec<()>) {}
    fn failed(&mut self, _: Vec<()>, error: StoreError) {
        panic!("{error}");
    }
}

/// The accrual of the contract's example.
pub fn accrual(event: u64) -> Command {
    let details = Details {
        action_scene: Some("order_pay".into()),
        store_code: Some("ec_mall".into()),
        cost_center: Some("cost_center001".into()),
        operator: Some("小程序".into()),
        event_desc: Some("用户购买了100元酸奶".into()),
        ..Details::default()
    };
    Command::Accrue(Accrue {
        event_no: format!("EACH202206152028{event:016}"),
        fingerprint: u128::from(event).to_le_bytes(),
        source_type: SourceType::Order,
        points: Points::whole(20),
        event_at: None,
        expire_after: Some(Span::days(180)),
        freeze_for: None,
        amount: None,
        details,
        order_items: None,
    })
}
