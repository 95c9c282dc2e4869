//! Many changes, some of them under way at once.
use crate::{Arguments, TENANT};
use eros_points::actors::answer::Failure;
use eros_points::actors::batch::Operation;
use eros_points::actors::service::Service;
use eros_points::ledger::command::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

/// Operations of a batch.
const BATCH: u64 = 1_000;

/// `count` changes in batches, a few of them under way at once. All must succeed.
pub async fn batches(
    service: &Arc<Service>,
    arguments: &Arguments,
    count: u64,
    make: impl Fn(u64) -> (String, Command) + Clone + Send + Sync + 'static,
) -> Duration {
    let all = count.div_ceil(BATCH);
    clients(service, arguments.at_once.min(8), all, count, move |service, batch| {
        let make = make.clone();
        async move {
            let changes = (batch * BATCH)..count.min((batch + 1) * BATCH);
            let operations = changes.map(|n| {
                let (member_no, command) = make(n);
                Some(Operation::Change(member_no, Box::new(command)))
            });
            let operations: Vec<_> = operations.collect();
            let answers = loop {
                match service.batch(TENANT, operations.clone()).await {
                    Err(Failure::Overloaded) => tokio::time::sleep(Duration::from_millis(20)).await,
                    other => break other.expect("answers"),
                }
            };
            for answer in answers.into_iter().flatten() {
                answer.expect("a change that counts");
            }
        }
    })
    .await
}

/// `count` changes, a request each.
pub async fn singly(
    service: &Arc<Service>,
    arguments: &Arguments,
    count: u64,
    make: impl Fn(u64) -> (String, Command) + Clone + Send + Sync + 'static,
) -> Duration {
    clients(service, arguments.at_once, count, count, move |service, n| {
        let (member_no, command) = make(n);
        async move {
            while let Err(failure) = service.change(TENANT, &member_no, command.clone()).await {
                assert!(matches!(failure, Failure::Overloaded), "{failure:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    })
    .await
}

/// `count` requests, `at_once` of them under way; how long they took together.
async fn clients<F: Future<Output = ()> + Send>(
    service: &Arc<Service>,
    at_once: u64,
    count: u64,
    changes: u64,
    request: impl Fn(Arc<Service>, u64) -> F + Clone + Send + Sync + 'static,
) -> Duration {
    let (started, next) = (Moment::now(), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..at_once)
        .map(|_| {
            let (service, next, request) = (service.clone(), next.clone(), request.clone());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count {
                        return;
                    }
                    request(service.clone(), n).await;
                    if count > 1_000 && (n + 1).is_multiple_of(count / 20) {
                        let done = changes * (n + 1) / count;
                        eprintln!("  {done} of {changes} changes, {:.0} s", started.elapsed().as_secs_f64());
                    }
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("a client that does not panic");
    }
    started.elapsed()
}
