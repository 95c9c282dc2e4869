//! Bodies of the changes: the first byte says which route.
use chrono_tz::Asia::Shanghai;
use eros_points::http::fields::Fields;
use eros_points::http::requests::{accept, cancel, profile, reader};

const CHANGES: [&str; 7] = [
    "produce/direct",
    "produce/by_rule",
    "consume/direct",
    "reverse/produce",
    "reverse/consume",
    "transfer",
    "transfer/direct",
];

pub fn run(data: &[u8]) {
    let Some((route, body)) = data.split_first() else { return };
    let Ok(fields) = Fields::parse(body) else { return };
    match CHANGES.get(usize::from(*route % 10)) {
        Some(route) => {
            let read = reader(route).expect("a change's route");
            if let Ok((member, _)) = read(&fields, Shanghai) {
                assert!((1..=64).contains(&member.len()));
            }
        }
        None if route % 10 == 7 => drop(accept(&fields)),
        None if route % 10 == 8 => drop(cancel(&fields)),
        None => drop(profile(&fields)),
    }
}
