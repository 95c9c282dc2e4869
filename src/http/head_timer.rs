//! How long the head of a request may take, for one connection. hyper sets a timer before each head and drops it behind it, and hardly one
//! ever goes off. The runtime's timers stand in a wheel behind a lock that all workers share: to be put there and taken out again is
//! half a microsecond of every request. So a connection has one of them, for the first deadline; when that comes hyper looks again, and
//! the timer is set to the deadline that holds by then.
use crate::clock::monotonic;
use hyper::rt::{Sleep, Timer};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Set to one deadline; none before the first.
type Alarm = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

/// Of one connection.
#[derive(Clone, Default)]
pub struct HeadTimer(Alarm);

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(monotonic() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Until { deadline, alarm: self.0.clone() })
    }

    fn now(&self) -> Instant {
        monotonic()
    }
}

/// Until a deadline. The connection's task is the only one to ask.
struct Until {
    deadline: Instant,
    alarm: Alarm,
}

impl Sleep for Until {}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if monotonic() >= self.deadline {
            return Poll::Ready(());
        }
        let deadline = self.deadline.into();
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // One that goes off too early has hyper look again.
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(context).is_ready() {
            if alarm.deadline() == deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn goes_off_at_the_deadline_whatever_was_set_before() {
        let timer = HeadTimer::default();
        let begun = monotonic();
        timer.sleep(SHORT).await;
        assert!(begun.elapsed() >= SHORT);
        // Set and dropped, as before each head: an earlier deadline of these wakes and ends nothing.
        for _ in 0..3 {
            let mut early = timer.sleep(SHORT);
            assert!(tokio::time::timeout(Duration::from_millis(1), &mut early).await.is_err());
        }
        let begun = monotonic();
        timer.sleep(3 * SHORT).await;
        assert!(begun.elapsed() >= 3 * SHORT);
        // Nor does a later one hold it up.
        let mut late = timer.sleep(Duration::from_secs(3_600));
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut late).await.is_err());
        tokio::time::timeout(Duration::from_secs(60), timer.sleep(SHORT)).await.unwrap();
    }

    #[tokio::test]
    async fn takes_one_place_in_the_wheel_for_many_deadlines() {
        let timer = HeadTimer::default();
        let far = |seconds| timer.sleep(Duration::from_secs(seconds));
        let mut asked = far(60);
        assert!(tokio::time::timeout(Duration::from_millis(1), &mut asked).await.is_err());
        let first = timer.0.lock().unwrap().as_ref().map(|alarm| alarm.deadline());
        for seconds in 61..100 {
            let mut asked = far(seconds);
            assert!(tokio::time::timeout(Duration::from_millis(1), &mut asked).await.is_err());
        }
        assert_eq!(timer.0.lock().unwrap().as_ref().map(|alarm| alarm.deadline()), first);
    }
}
