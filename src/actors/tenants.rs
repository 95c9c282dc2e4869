//! The tenants: what is in force for each, and the actor of each that owns it.
//!
//! A tenant that set nothing has no cell here: the service's own terms hold for it. Every request asks, hardly any changes something:
//! so who asks takes no lock, whose cache line would go to and fro between the cores.
use crate::actors::answer::Failure;
use crate::actors::core::Core;
use crate::actors::tenant::{Message, TenantActor};
use crate::actors::zones::Zones;
use crate::ledger::Terms;
use crate::ledger::lsn::Lsn;
use crate::ledger::tenant::Tenant;
use arc_swap::ArcSwap;
use chrono_tz::Tz;
use ractor::ActorRef;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What is in force for a tenant.
#[derive(Debug)]
pub struct View {
    pub tenant: Tenant,
    pub terms: Arc<Terms>,
}

impl View {
    pub fn new(tenant: Tenant, base: &Terms) -> View {
        let terms = Arc::new(tenant.terms(base));
        View { tenant, terms }
    }
}

pub struct Cell {
    pub crm_id: Arc<str>,
    /// What is durable, and so in force.
    view: ArcSwap<View>,
    /// The zones that it set, durable or not: an answer of a record is made after the record is durable, and with it all
    /// that came before.
    zones: RwLock<Vec<(Lsn, Option<Tz>)>>,
    actor: Mutex<Option<ActorRef<Message>>>,
}

impl Cell {
    fn new(crm_id: Arc<str>, tenant: Tenant, base: &Terms) -> Cell {
        let zones = tenant.zones.iter().map(|(lsn, zone)| (*lsn, zone_of(zone))).collect();
        let view = ArcSwap::from_pointee(View::new(tenant, base));
        Cell { crm_id, view, zones: RwLock::new(zones), actor: Mutex::default() }
    }

    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// From now on this is in force, unless something later is.
    pub(super) fn publish(&self, view: Arc<View>) {
        // One that has waited longer for its turn must not undo a later one.
        let later = |current: &Arc<View>| match view.tenant.last >= current.tenant.last {
            true => view.clone(),
            false => current.clone(),
        };
        self.view.rcu(later);
    }

    /// Lets `append` give a record its number while nobody can ask for zones: whoever asks for a later record's zone
    /// sees what this one set.
    pub(super) fn set_zone<E>(
        &self,
        zone: &Option<String>,
        append: impl FnOnce() -> Result<Lsn, E>,
    ) -> Result<Lsn, E> {
        let mut zones = self.zones.write().unwrap_or_else(PoisonError::into_inner);
        let lsn = append()?;
        zones.push((lsn, zone_of(zone)));
        Ok(lsn)
    }
}

fn zone_of(name: &Option<String>) -> Option<Tz> {
    name.as_ref()?.parse().ok()
}

pub struct Tenants {
    base: Arc<Terms>,
    /// Of those that set none.
    zones: Zones,
    cells: ArcSwap<HashMap<Arc<str>, Arc<Cell>>>,
}

impl Tenants {
    pub fn new(base: Terms, zones: Zones, recovered: HashMap<String, Tenant>) -> Tenants {
        let cell = |(crm_id, tenant): (String, Tenant)| {
            let crm_id: Arc<str> = crm_id.into();
            (crm_id.clone(), Arc::new(Cell::new(crm_id, tenant, &base)))
        };
        let cells = ArcSwap::from_pointee(recovered.into_iter().map(cell).collect());
        Tenants { base: Arc::new(base), zones, cells }
    }

    /// The zones of the service itself.
    pub fn service_zones(&self) -> &Zones {
        &self.zones
    }

    pub fn find(&self, crm_id: &str) -> Option<Arc<Cell>> {
        self.cells.load().get(crm_id).cloned()
    }

    fn find_or_new(&self, crm_id: &str) -> Arc<Cell> {
        if let Some(cell) = self.find(crm_id) {
            return cell;
        }
        let name: Arc<str> = crm_id.into();
        let new = Arc::new(Cell::new(name.clone(), Tenant::default(), &self.base));
        // Of two that come at once one makes the cell, and both have it.
        self.cells.rcu(|cells| {
            let mut cells = HashMap::clone(cells);
            cells.entry(name.clone()).or_insert_with(|| new.clone());
            cells
        });
        self.find(crm_id).unwrap_or(new)
    }

    /// Those with something of their own.
    pub fn all(&self) -> Vec<Arc<Cell>> {
        self.cells.load().values().cloned().collect()
    }

    /// What is in force for a tenant.
    pub fn view(&self, crm_id: &str) -> Arc<View> {
        let unset = || Arc::new(View::new(Tenant::default(), &self.base));
        self.find(crm_id).map_or_else(unset, |cell| cell.view())
    }

    /// Hands a message to the tenant's actor.
    pub fn tell(&self, core: &Arc<Core>, crm_id: &str, message: Message) -> Result<(), Failure> {
        self.actor(core, crm_id).send_message(message).map_err(|_| {
            core.stop_broken(format!("the actor of tenant {crm_id} has ended"));
            Failure::Unknown
        })
    }

    /// The tenant's actor, which begins where there is none.
    fn actor(&self, core: &Arc<Core>, crm_id: &str) -> ActorRef<Message> {
        let cell = self.find_or_new(crm_id);
        let mut actor = cell.actor.lock().unwrap_or_else(PoisonError::into_inner);
        actor.get_or_insert_with(|| TenantActor::spawn(core, cell.clone(), self.base.clone())).clone()
    }

    /// The terms in force.
    pub fn terms(&self, crm_id: &str) -> Arc<Terms> {
        self.find(crm_id).map_or_else(|| self.base.clone(), |cell| cell.view().terms.clone())
    }

    /// Shows them to `then`: a turn has no need to hold on to them.
    pub fn with_terms<R>(&self, crm_id: &str, then: impl FnOnce(&Terms) -> R) -> R {
        match self.cells.load().get(crm_id) {
            Some(cell) => then(&cell.view.load().terms),
            None => then(&self.base),
        }
    }

    /// The zone of a tenant's times.
    pub fn zone(&self, crm_id: &str) -> Tz {
        self.zone_at(crm_id, Lsn::MAX)
    }

    /// The zone that the tenant's times were in when `lsn` was recorded.
    pub fn zone_at(&self, crm_id: &str, lsn: Lsn) -> Tz {
        let own = self.find(crm_id).and_then(|cell| {
            let zones = cell.zones.read().unwrap_or_else(PoisonError::into_inner);
            zones.iter().rev().find(|(from, _)| *from <= lsn).and_then(|(_, zone)| *zone)
        });
        own.unwrap_or_else(|| self.zones.at(lsn))
    }

    /// Every other zone that the tenant's times were in, the latest first.
    pub fn earlier_zones(&self, crm_id: &str) -> Vec<Tz> {
        let own: Vec<Lsn> = self.find(crm_id).map_or_else(Vec::new, |cell| {
            let zones = cell.zones.read().unwrap_or_else(PoisonError::into_inner);
            zones.iter().map(|(from, _)| *from).collect()
        });
        if own.is_empty() {
            return self.zones.earlier();
        }
        let mut changes: Vec<Lsn> = self.zones.all().into_iter().map(|(from, _)| from).chain(own).collect();
        changes.sort_unstable();
        let now = self.zone(crm_id);
        let mut earlier = Vec::new();
        for zone in changes.into_iter().rev().map(|from| self.zone_at(crm_id, from)) {
            if zone != now && !earlier.contains(&zone) {
                earlier.push(zone);
            }
        }
        earlier
    }
}
