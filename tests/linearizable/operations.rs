//! What clients ask: changes of all kinds whose effect time has no part in, and looks at a member.
use crate::linearizable::MEMBERS;
use crate::support::random::Random;

pub const PREFIX: &str = "/api/crm/points/linearizable";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Accrue,
    Spend,
    /// To whom.
    Send(String),
    Offer(String),
    /// From whom.
    Accept(String),
    Cancel,
    /// The accrual's number.
    Reverse(String, bool),
    /// The spend's number.
    GiveBack(String),
    Look,
}

#[derive(Clone, Debug)]
pub struct Operation {
    pub kind: Kind,
    pub member: String,
    /// The key of a change; that of the offer where it is accepted or cancelled.
    pub number: String,
    /// In ten-thousandths; 0 where the operation names none.
    pub points: i64,
}

/// What was answered with success, and can be built upon once.
#[derive(Debug, Default)]
pub struct Ground {
    accruals: Vec<(String, String)>,
    spends: Vec<(String, String)>,
    /// Sender, receiver, number.
    offers: Vec<(String, String, String)>,
    /// Of some of them, so that acceptance and cancellation meet.
    to_cancel: Vec<(String, String)>,
}

impl Ground {
    pub fn learn(&mut self, operation: &Operation) {
        let mine = (operation.member.clone(), operation.number.clone());
        match &operation.kind {
            Kind::Accrue => self.accruals.push(mine),
            Kind::Spend => self.spends.push(mine),
            Kind::Offer(to) => {
                if operation.points % 3 == 0 {
                    self.to_cancel.push(mine.clone());
                }
                self.offers.push((mine.0, to.clone(), mine.1));
            }
            _ => {}
        }
    }

    /// An operation that was never asked before; `number` is its key.
    pub fn next(&mut self, random: &mut Random, number: String) -> Operation {
        let member = name(random.below(MEMBERS));
        let points = i64::try_from(1 + random.below(300_000)).expect("points");
        let other = |random: &mut Random| loop {
            let other = name(random.below(MEMBERS));
            if other != member {
                return other;
            }
        };
        let asked = random.below(100);
        let kind = match asked {
            0..27 => Kind::Accrue,
            27..50 => Kind::Spend,
            50..60 => Kind::Send(other(random)),
            60..70 => Kind::Offer(other(random)),
            70..90 => return self.on_earlier(random, number, asked).unwrap_or_else(|| look(member)),
            _ => return look(member),
        };
        Operation { kind, member, number, points }
    }

    /// What concerns something before it.
    fn on_earlier(&mut self, random: &mut Random, number: String, asked: u64) -> Option<Operation> {
        Some(match asked {
            70..78 => {
                let (from, to, number) = take(random, &mut self.offers)?;
                Operation { kind: Kind::Accept(from), member: to, number, points: 0 }
            }
            78..81 => {
                let (member, number) = take(random, &mut self.to_cancel)?;
                Operation { kind: Kind::Cancel, member, number, points: 0 }
            }
            81..86 => {
                let (member, origin) = take(random, &mut self.accruals)?;
                Operation { kind: Kind::Reverse(origin, random.one_in(2)), member, number, points: 0 }
            }
            _ => {
                let (member, origin) = take(random, &mut self.spends)?;
                Operation { kind: Kind::GiveBack(origin), member, number, points: 0 }
            }
        })
    }
}

fn name(n: u64) -> String {
    format!("member-{n}")
}

fn look(member: String) -> Operation {
    Operation { kind: Kind::Look, member, number: String::new(), points: 0 }
}

fn take<T>(random: &mut Random, from: &mut Vec<T>) -> Option<T> {
    let bound = u64::try_from(from.len()).ok().filter(|bound| *bound > 0)?;
    Some(from.swap_remove(usize::try_from(random.below(bound)).ok()?))
}

impl Operation {
    /// Method, path and body.
    pub fn request(&self) -> (&'static str, String, String) {
        let Operation { kind, member, number, .. } = self;
        let points = format!("{}.{:04}", self.points / 10_000, self.points % 10_000);
        let transfer = |to: &str, more: &str| {
            format!(
                r#"{{"transfer_no":"{number}","from_user":"{member}","to_user":"{to}","points":{points}{more}}}"#
            )
        };
        let of = |origin: &str, more: &str| {
            format!(r#"{{"event_no":"{number}","member_no":"{member}","origin_event_no":"{origin}"{more}}}"#)
        };
        let (route, body) = match kind {
            Kind::Accrue => (
                "produce/direct",
                format!(
                    r#"{{"event_no":"{number}","member_no":"{member}","event_type":"event","points":{points}}}"#
                ),
            ),
            Kind::Spend => (
                "consume/direct",
                format!(r#"{{"event_no":"{number}","member_no":"{member}","points":{points}}}"#),
            ),
            Kind::Send(to) => ("transfer/direct", transfer(to, "")),
            Kind::Offer(to) => ("transfer", transfer(to, r#","trans_type":"by_points""#)),
            Kind::Accept(from) => (
                "accept",
                format!(r#"{{"transfer_no":"{number}","member_no":"{member}","from_user":"{from}"}}"#),
            ),
            Kind::Cancel => {
                ("transfer/cancel", format!(r#"{{"transfer_no":"{number}","member_no":"{member}"}}"#))
            }
            Kind::Reverse(origin, allow) => {
                ("reverse/produce", of(origin, &format!(r#","allow_negative":{allow}"#)))
            }
            Kind::GiveBack(origin) => ("reverse/consume", of(origin, "")),
            Kind::Look => return ("GET", format!("{PREFIX}/summary?member_no={member}"), String::new()),
        };
        ("POST", format!("{PREFIX}/{route}"), body)
    }
}
