//! Connections: each bounded in time, size and number.
use crate::actors::service::Service;
use crate::http::access::Routes;
use crate::http::edge::{ConnectionBounds, Edge};
use crate::http::guard::{Connected, Guarded};
use crate::http::head_timer::HeadTimer;
use crate::http::metrics::requests::Requests;
use crate::http::pacing::Paced;
use crate::http::routes;
use crate::limits::{CONNECTION_BUFFER_BYTES_MAX, HEAD_BYTES_MAX};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// The routes with what stands round all of them.
pub fn app(service: Arc<Service>, edge: Arc<Edge>) -> Guarded {
    let requests = Requests::new();
    Guarded::new(routes::router(service, requests.clone()), Routes::of_table(), edge, requests)
}

/// Serves until `stop` is done, then finishes the requests under way, as far as their time for that allows.
pub async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    edge: Arc<Edge>,
    stop: impl Future<Output = ()>,
) {
    let bounds = edge.bounds;
    let app = app(service, edge);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(bounds.connections_max));
    let mut stop = pin!(stop);
    loop {
        // A place first: connections beyond the bound wait in the system's queue.
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = &mut stop => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => connection(stream, bounds, app.connected(), &graceful, place),
            Err(error) => {
                // Out of descriptors, say: what is open goes on, and makes room.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(bounds.finish_time_max, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections are cut off: their requests took more than {:?}", bounds.finish_time_max);
    }
}

fn connection<P: Send + 'static>(
    stream: TcpStream,
    bounds: ConnectionBounds,
    app: Connected,
    graceful: &GracefulShutdown,
    place: P,
) {
    // Small answers at once; where it can't be set, they are only later.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(HeadTimer::default())
        .header_read_timeout(bounds.head_time_max)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(CONNECTION_BUFFER_BYTES_MAX)
        // Head and body as one piece: to copy a small body costs less than to send from two places.
        .writev(false)
        .serve_connection(TokioIo::new(Paced::new(stream, bounds.answer_time_max)), app);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // What a client breaks off is its own affair.
        if let Err(error) = connection.await {
            tracing::debug!("a connection ended: {error}");
        }
        drop(place);
    });
}
