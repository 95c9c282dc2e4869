//! What a supervisor such as systemd is told: that the service is ready, that it stops, how far it is, that it lives.
//! Where there is none, nothing is told.
//!
//! It is told by a thread of its own: one that does not listen must not hold up the service.
use sd_notify::NotifyState;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// What may wait to be told; beyond it, it is left unsaid.
const WAITING_MAX: usize = 64;

enum News {
    Ready(String),
    Stopping(String),
    Status(String),
    Alive,
}

pub fn ready(address: std::net::SocketAddr) {
    tell(News::Ready(format!("serving on {address}")));
}

pub fn stopping() {
    tell(News::Stopping("stopping: finishing what is in flight".to_owned()));
}

pub fn status(text: String) {
    tell(News::Status(text));
}

/// Says again and again that the process lives, where the supervisor wants to hear it: from the workers that answer
/// requests, so that their standing still shows.
pub async fn live_signs() {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    let mut tick = tokio::time::interval((patience / 3).max(Duration::from_millis(10)));
    loop {
        tick.tick().await;
        tell(News::Alive);
    }
}

fn tell(news: News) {
    static TELLER: LazyLock<Option<SyncSender<News>>> = LazyLock::new(|| {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new().name("supervisor".into()).spawn(move || pass_on(&receiver));
        thread.is_ok().then_some(sender)
    });
    // Where nobody listens there is nobody to complain to either.
    let _ = TELLER.as_ref().map(|teller| teller.try_send(news));
}

fn pass_on(news: &Receiver<News>) {
    for news in news {
        let told = match &news {
            News::Ready(text) => sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(text)]),
            News::Stopping(text) => sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(text)]),
            News::Status(text) => sd_notify::notify(&[NotifyState::Status(text)]),
            News::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
        };
        if let Err(error) = told {
            tracing::warn!("the supervisor could not be told: {error}");
        }
    }
}
