//! Who follows which tenant's records: woken when the index shows a new one of that tenant, and by nothing else. So a
//! follower of a quiet tenant costs nothing however busy the others are.
use crate::actors::answer::Failure;
use crate::limits::FOLLOWERS_MAX;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub struct Feeds {
    followers: AtomicUsize,
    tenants: Mutex<HashMap<String, Followed>>,
}

#[derive(Debug, Default)]
struct Followed {
    followers: usize,
    news: Arc<Notify>,
}

/// Somebody who waits for a tenant's next record, until this is dropped.
#[derive(Debug)]
pub struct Follower {
    feeds: Arc<Feeds>,
    crm_id: String,
    pub news: Arc<Notify>,
}

impl Feeds {
    fn tenants(&self) -> MutexGuard<'_, HashMap<String, Followed>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on new records of the tenant are told. What was indexed before must be looked for afterwards.
    pub fn follow(self: &Arc<Self>, crm_id: &str) -> Result<Follower, Failure> {
        if self.followers.fetch_add(1, Ordering::SeqCst) >= FOLLOWERS_MAX {
            self.followers.fetch_sub(1, Ordering::SeqCst);
            return Err(Failure::Overloaded);
        }
        let mut tenants = self.tenants();
        let followed = tenants.entry(crm_id.to_owned()).or_default();
        followed.followers += 1;
        Ok(Follower { feeds: self.clone(), crm_id: crm_id.to_owned(), news: followed.news.clone() })
    }

    pub fn are_followed(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    /// The index shows new records of these tenants.
    pub fn tell<'a>(&self, crm_ids: impl Iterator<Item = &'a str>) {
        if !self.are_followed() {
            return;
        }
        let tenants = self.tenants();
        for followed in crm_ids.filter_map(|crm_id| tenants.get(crm_id)) {
            followed.news.notify_waiters();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut tenants = self.feeds.tenants();
        if let Some(followed) = tenants.get_mut(&self.crm_id) {
            followed.followers -= 1;
            if followed.followers == 0 {
                tenants.remove(&self.crm_id);
            }
        }
        self.feeds.followers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[tokio::test]
    async fn tells_the_followers_of_a_tenant_and_nobody_else() {
        let feeds = Arc::new(Feeds::default());
        let (mine, other) = (feeds.follow("mine").unwrap(), feeds.follow("other").unwrap());
        let (mut told, mut untold) = (pin!(mine.news.notified()), pin!(other.news.notified()));
        assert!(!told.as_mut().enable() && !untold.as_mut().enable());
        feeds.tell(["mine", "third"].into_iter());
        assert!(told.as_mut().enable(), "a record of its tenant");
        assert!(!untold.as_mut().enable(), "none of its own");
    }

    #[test]
    fn there_are_only_so_many_and_each_gives_its_place_back() {
        let feeds = Arc::new(Feeds::default());
        let all: Vec<Follower> = (0..FOLLOWERS_MAX).map(|_| feeds.follow("t").unwrap()).collect();
        assert!(matches!(feeds.follow("t"), Err(Failure::Overloaded)));
        drop(all);
        assert!(feeds.follow("t").is_ok());
        assert!(feeds.tenants().is_empty(), "nothing is kept of who has gone");
    }
}
