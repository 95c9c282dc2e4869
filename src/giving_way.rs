//! Threads that nobody waits for give way to those that answer somebody.
//!
//! Where all cores are busy, a thread that is woken to answer somebody waits for the end of another's slice, some
//! milliseconds: unless that other one gives way (Linux: `SCHED_IDLE`), and is interrupted at once. It gets what time is left
//! over, which may be none at all. So whoever waits for it says [`hurry`](GivingWay::hurry), and somebody must look now and then
//! whether it gets on.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};
use uapi::c;

/// Work that gives way, each done by one thread at a time.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// The index's tables are written out, and merged.
    Tables,
    /// The end of a snapshot, and old segments of the log compressed.
    Archive,
    /// The index takes what the log has. Its thread tells all when to give way, so it is the last to.
    Index,
}

const WORKS: usize = 3;
/// No thread does the work; to the system, as a thread's number, the thread that asks.
const NONE: i32 = 0;

/// The threads that give way. They begin to together; each is in a hurry by itself.
#[derive(Debug, Default)]
pub struct GivingWay {
    workers: [Worker; WORKS],
    /// Whether they may.
    allowed: AtomicBool,
}

/// Who does one of the works.
#[derive(Debug, Default)]
struct Worker {
    /// The system's number of the thread.
    thread: AtomicI32,
    /// Whether it gives way.
    now: AtomicBool,
}

/// A thread gives way no more once this is dropped.
pub struct Leaving {
    giving_way: Arc<GivingWay>,
    work: Work,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let number = self.giving_way.workers[self.work as usize].thread.swap(NONE, SeqCst);
        if number != NONE {
            set(number, c::SCHED_OTHER);
        }
    }
}

impl GivingWay {
    /// Threads give way only where the system lets them come back from it: with the resource limit `RLIMIT_NICE` at 20 or
    /// above, or the capability `CAP_SYS_NICE`.
    pub fn where_allowed() -> GivingWay {
        // On a thread of its own, which may not come back.
        let there_and_back = || set(NONE, c::SCHED_IDLE) && set(NONE, c::SCHED_OTHER);
        let tried = std::thread::Builder::new().name("gives-way".into()).spawn(there_and_back);
        let allowed = tried.is_ok_and(|tried| tried.join().unwrap_or(false));
        GivingWay { allowed: AtomicBool::new(allowed), ..GivingWay::default() }
    }

    pub fn is_allowed(&self) -> bool {
        self.allowed.load(SeqCst)
    }

    /// This thread does the work until what is given is dropped: when it has ended, or is about to, as its number may come to be
    /// another's.
    pub fn begin(self: &Arc<Self>, work: Work) -> Leaving {
        let number = rustix::thread::gettid().as_raw_nonzero().get();
        let worker = &self.workers[work as usize];
        worker.thread.store(number, SeqCst);
        if worker.now.load(SeqCst) {
            worker.set_giving_way();
        }
        Leaving { giving_way: self.clone(), work }
    }

    /// From now on they give way.
    pub fn give_way(&self) {
        for worker in &self.workers {
            if self.is_allowed() && !worker.now.swap(true, SeqCst) {
                worker.set_giving_way();
            }
        }
    }

    /// Who does this gives way no more, until told to again: somebody waits for it.
    pub fn hurry(&self, work: Work) {
        let worker = &self.workers[work as usize];
        if worker.now.swap(false, SeqCst) {
            worker.set(c::SCHED_OTHER);
        }
    }

    /// None gives way any more, whatever was said before: a thread may be on its way to, and not get on with it.
    pub fn insist(&self) {
        for worker in &self.workers {
            worker.now.store(false, SeqCst);
            worker.set(c::SCHED_OTHER);
        }
    }

    /// They never give way again.
    pub fn end(&self) {
        self.allowed.store(false, SeqCst);
        self.insist();
    }
}

impl Worker {
    fn set_giving_way(&self) {
        self.set(c::SCHED_IDLE);
        // Somebody may have been in a hurry in between.
        if !self.now.load(SeqCst) {
            self.set(c::SCHED_OTHER);
        }
    }

    fn set(&self, policy: c::c_int) {
        let number = self.thread.load(SeqCst);
        if number != NONE {
            set(number, policy);
        }
    }
}

/// Whether the system did so. It knows nothing of a thread that has ended, which needs nothing any more.
fn set(thread: i32, policy: c::c_int) -> bool {
    uapi::sched_setscheduler(thread, policy, &c::sched_param { sched_priority: 0 }).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::CapabilitySet;
    use std::sync::mpsc;
    use std::thread::JoinHandle;

    /// A thread that does some work until its handle is dropped.
    struct Doing {
        number: i32,
        _ends: mpsc::Sender<()>,
        thread: Option<JoinHandle<()>>,
    }

    impl Doing {
        fn of(giving_way: &Arc<GivingWay>, work: Work) -> Doing {
            let (started, number) = mpsc::channel();
            let (ends, ended) = mpsc::channel::<()>();
            let giving_way = giving_way.clone();
            let thread = std::thread::spawn(move || {
                let _leaving = giving_way.begin(work);
                started.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
                let _ = ended.recv();
            });
            Doing { number: number.recv().unwrap(), _ends: ends, thread: Some(thread) }
        }

        fn gives_way(&self) -> bool {
            uapi::sched_getscheduler(self.number).unwrap() == c::SCHED_IDLE
        }

        fn end(mut self) {
            let thread = self.thread.take();
            drop(self);
            thread.unwrap().join().unwrap();
        }
    }

    #[test]
    fn they_give_way_where_they_may_until_somebody_waits() {
        let giving_way = Arc::new(GivingWay::where_allowed());
        let (index, tables) = (Doing::of(&giving_way, Work::Index), Doing::of(&giving_way, Work::Tables));
        let do_both = || [index.gives_way(), tables.gives_way()];
        let allowed = giving_way.is_allowed();
        assert_eq!(do_both(), [false; 2]);
        giving_way.give_way();
        assert_eq!(do_both(), [allowed; 2]);
        giving_way.hurry(Work::Index);
        assert_eq!(do_both(), [false, allowed], "whom nobody waits for");
        giving_way.give_way();
        assert_eq!(do_both(), [allowed; 2], "again");
        giving_way.insist();
        assert_eq!(do_both(), [false; 2]);
        giving_way.give_way();
        giving_way.end();
        giving_way.give_way();
        assert_eq!(do_both(), [false; 2], "never again");
    }

    #[test]
    fn a_thread_does_as_the_others_from_when_it_joins_until_it_leaves() {
        let giving_way = Arc::new(GivingWay::where_allowed());
        giving_way.give_way();
        let index = Doing::of(&giving_way, Work::Index);
        assert_eq!(index.gives_way(), giving_way.is_allowed());
        index.end();
        assert_eq!(giving_way.workers[Work::Index as usize].thread.load(SeqCst), NONE);
    }

    #[test]
    fn it_is_allowed_to_whom_the_system_lets_come_back() {
        // The right is a thread's own, and its children's.
        let without = std::thread::spawn(|| {
            let mut held = rustix::thread::capabilities(None).unwrap();
            held.effective.remove(CapabilitySet::SYS_NICE);
            rustix::thread::set_capabilities(None, held).unwrap();
            GivingWay::where_allowed().is_allowed()
        });
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nice).current;
        assert_eq!(without.join().unwrap(), limit.is_none_or(|limit| limit >= 20));
    }

    #[test]
    fn nobody_gives_way_who_may_not() {
        let giving_way = Arc::<GivingWay>::default();
        let index = Doing::of(&giving_way, Work::Index);
        giving_way.give_way();
        assert!(!index.gives_way());
    }
}
