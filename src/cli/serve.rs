//! `serve`: recover, serve, stop in order.
use crate::actors::beside::Beside;
use crate::actors::core::Bounds;
use crate::actors::scans::gauge::GaugePlan;
use crate::actors::service::Service;
use crate::actors::start::{Setup, start};
use crate::cli::descriptors;
use crate::cli::huge_pages;
use crate::cli::keys;
use crate::cli::progress::Shown;
use crate::cli::supervisor;
use crate::cli::workers;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::http::dialect::Dialect;
use crate::http::edge::{ConnectionBounds, Edge};
use crate::http::keys::KeyRing;
use crate::http::rates::Rates;
use crate::http::server;
use crate::store::disk::RealDisk;
use crate::store::journal::{JournalOptions, SyncPolicy};
use anyhow::{Context, anyhow};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long answers may take to leave once the log has failed.
const LAST_WORDS: Duration = Duration::from_millis(300);

pub fn run(settings: Settings) -> anyhow::Result<()> {
    let runtime = workers::runtime(settings.pin_workers)?;
    let served = runtime.block_on(serve(settings));
    // What still runs is cut off: nothing acknowledged depends on it.
    runtime.shutdown_timeout(Duration::from_millis(100));
    served
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    warn_of_sync(settings.sync);
    tokio::spawn(supervisor::live_signs());
    let mut signals = Signals::new()?;
    let edge = edge(&settings)?;
    let listener = TcpListener::bind(settings.listen).await.with_context(|| {
        format!(
            "listen: {} can't be listened on; hint: is another service there? --listen takes another",
            settings.listen
        )
    })?;
    let address = listener.local_addr()?;
    let service = Arc::new(Service::starting(settings.zone));
    let (stop, stopping) = watch::channel(false);
    // It answers 50301 while it recovers.
    let server = tokio::spawn(server::serve(listener, service.clone(), edge, stopped(stopping)));

    let mut shown = Shown::new("recovering");
    let told = service.clone();
    let starting = start(setup(&settings), move |progress| {
        told.recovery().show(progress);
        shown.show(progress);
    });
    let mut running = tokio::select! {
        running = starting => running?,
        () = signals.next() => return Ok(()),
    };
    running.gauge_points(GaugePlan {
        every: settings.points_gauge_every,
        tenants_max: settings.points_gauge_tenants_max,
    });
    let mut broken = running.core.broken.subscribe();
    huge_pages::no_more();
    service.ready(running.core.clone());
    // Both where people look: the log line for operators, the ready line for whoever started it.
    tracing::info!("listening on {address}");
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {address}").and_then(|()| out.flush()).context("writing the ready line")?;
    drop(out);
    supervisor::ready(address);

    tokio::select! {
        () = signals.next() => {}
        why = broken.wait_for(Option::is_some) => {
            let why = why.ok().and_then(|why| why.clone()).unwrap_or_default();
            service.stop();
            supervisor::stopping();
            tokio::time::sleep(LAST_WORDS).await;
            return Err(anyhow!("{why}\nhint: nothing acknowledged is lost; start it again once the cause is gone"));
        }
    }
    supervisor::stopping();
    tracing::info!("stopping: finishing what is in flight; a second signal ends it at once");
    service.stop();
    let _ = stop.send(true);
    let orderly = async {
        let _ = server.await;
        running.stop().await;
    };
    tokio::select! {
        () = orderly => tracing::info!("stopped"),
        () = signals.next() => tracing::warn!("stopped at once, by a second signal"),
        () = tokio::time::sleep(settings.stop_time_max) => {
            tracing::warn!("stopped at once, after {:?}", settings.stop_time_max);
        }
    }
    Ok(())
}

/// What requests must pass, with the keys in force and kept up with their file.
fn edge(settings: &Settings) -> anyhow::Result<Arc<Edge>> {
    let keys = match &settings.keys_file {
        Some(path) => {
            let keys = keys::read(path, settings.tenants.as_deref())?;
            Some((path.clone(), Arc::new(KeyRing::new(keys))))
        }
        None => {
            if !settings.listen.ip().is_loopback() {
                tracing::warn!("insecure: whoever reaches {} can change every balance", settings.listen);
            }
            None
        }
    };
    keys::follow(keys.clone(), settings.tenants.clone())?;
    Ok(Arc::new(Edge {
        keys: keys.map(|(_, ring)| ring),
        tenants: settings.tenants.as_ref().map(|tenants| tenants.iter().cloned().collect()),
        rates: settings.rate_limit.map(|(per_second, burst)| Rates::new(per_second, burst)),
        dialect: if settings.is_neocrm { Dialect::Neocrm } else { Dialect::Ours },
        bounds: ConnectionBounds {
            connections_max: descriptors::connections_max(),
            // The rest is for the snapshot.
            finish_time_max: settings.stop_time_max * 2 / 3,
            ..ConnectionBounds::default()
        },
    }))
}

fn setup(settings: &Settings) -> Setup {
    Setup {
        data_dir: settings.data_dir.clone(),
        disk: RealDisk::shared(),
        clock: Arc::new(SystemClock::new(settings.clock_jump_max)),
        journal: JournalOptions {
            segment_bytes: settings.segment_bytes,
            sync: settings.sync,
            min_free_bytes: settings.min_free_bytes,
            ..JournalOptions::default()
        },
        history_cache_bytes: settings.history_cache_bytes,
        snapshot_every_bytes: settings.snapshot_every_bytes,
        bounds: Bounds {
            live_actors_max: settings.live_actors_max,
            in_flight_max: settings.in_flight_max,
            index_lag_max: settings.index_lag_max,
            resting_bytes_max: settings.resting_bytes_max,
        },
        terms: settings.terms.clone(),
        zone: settings.zone,
        beside: Beside::Threads,
    }
}

fn warn_of_sync(sync: SyncPolicy) {
    match sync {
        SyncPolicy::Always => {}
        SyncPolicy::Interval(every) => {
            tracing::warn!(
                "sync = interval: a crash of the machine loses up to {every:?} of ACKNOWLEDGED changes"
            );
        }
        SyncPolicy::Off => {
            tracing::warn!(
                "sync = off: a crash of the machine loses ACKNOWLEDGED changes, as many as the system likes"
            );
        }
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An end of the sender is a stop too.
    let _ = stopping.wait_for(|stop| *stop).await;
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        Ok(Signals { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
