//! `GET /metrics`: how the service is, for Prometheus. `docs/METRICS.md` lists what there is; a test holds page and
//! answer together.
mod exposition;
mod families;
pub mod requests;

use crate::actors::answer::Failure;
use crate::actors::service::Service;
use crate::http::error::WireError;
use crate::http::openapi::answers;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use exposition::Exposition;
use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;
use requests::Requests;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Scrapes at once; each looks at every shard of the directory.
const SCRAPES_MAX: usize = 4;

pub struct Metrics {
    registry: Registry,
    places: Arc<Semaphore>,
}

impl Metrics {
    /// All that it tells of.
    pub fn of(service: Arc<Service>, requests: Arc<Requests>) -> Metrics {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Exposition { service, requests }));
        Metrics { registry, places: Arc::new(Semaphore::new(SCRAPES_MAX)) }
    }
}

/// How the service is, for Prometheus
///
/// Asks for a key for all tenants, where the service has keys.
#[utoipa::path(get, path = "/metrics", tag = "The service itself", responses(
    (status = 200, description = "Prometheus text", content_type = "text/plain", body = String),
    answers::MetricsRefusals,
))]
pub async fn metrics_text(State(metrics): State<Arc<Metrics>>) -> Result<Response, WireError> {
    let Ok(place) = metrics.places.clone().try_acquire_owned() else {
        return Err(Failure::Overloaded.into());
    };
    // It waits for locks and asks the file system: not work for those who answer requests.
    let task = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        let written = prometheus_text::encode(&mut text, &metrics.registry);
        drop(place);
        written.map(|()| text)
    });
    let fault = |error: String| WireError::from(Failure::Fault(error));
    let text =
        task.await.map_err(|error| fault(error.to_string()))?.map_err(|error| fault(error.to_string()))?;
    let mut response = Response::new(Body::from(text));
    let media = HeaderValue::from_static(prometheus_text::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Ok(response)
}
