//! Values made by the page's rules, and bytes made by none.
use super::bytes::{entry_shown, put_signed, put_unsigned};
use super::page::{Holds, Page, Shape, Type, both};
use super::samples;
use eros_points::format::codec;
use eros_points::format::codec::{CodecError, DECODED_BYTES_MAX};
use eros_points::format::entry::{Entry, EntryRef};
use eros_points::ledger::account::Account;
use eros_points::ledger::event::{Payment, Restore};
use eros_points::ledger::lot::{Lot, LotId, LotKind};
use eros_points::ledger::lsn::Lsn;
use eros_points::ledger::points::Points;
use proptest::prelude::*;
use std::fmt::Write;
use std::sync::LazyLock;

static PAGE: LazyLock<Page> = LazyLock::new(both);

/// A value being made up: its bytes by the page, and as `Debug` shows it.
struct Making<'a> {
    choices: std::slice::Iter<'a, u64>,
    bytes: Vec<u8>,
    shown: String,
}

const EDGES: [u64; 10] =
    [1, 125, 250, 251, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, i64::MAX as u64, u64::MAX];
const TEXTS: [&str; 5] = ["", "10080", "积分 🎁", "a\"b\\c\n\u{0}", "\u{7f}\u{301}"];

impl Making<'_> {
    /// The next choice; none left is the simplest one.
    fn next(&mut self) -> u64 {
        self.choices.next().copied().unwrap_or_default()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn number(&mut self) -> u64 {
        match self.below(3) {
            0 => self.next(),
            1 => EDGES[self.below(10) as usize],
            _ => EDGES[self.below(10) as usize].wrapping_add(1),
        }
    }

    fn unsigned(&mut self, number: u64) {
        put_unsigned(&mut self.bytes, number.into());
        let _ = write!(self.shown, "{number}");
    }

    fn signed(&mut self, number: i128) {
        put_signed(&mut self.bytes, number);
        let _ = write!(self.shown, "{number}");
    }

    fn text(&mut self) {
        let text = TEXTS[self.below(5) as usize].repeat(1 + self.below(3) as usize * 30);
        put_unsigned(&mut self.bytes, text.len() as u128);
        self.bytes.extend_from_slice(text.as_bytes());
        let _ = write!(self.shown, "{text:?}");
    }

    fn value(&mut self, kind: &Type) {
        match kind {
            Type::U32 => {
                let number = self.number() as u32;
                self.unsigned(number.into());
            }
            Type::U64 => {
                let number = self.number();
                self.unsigned(number);
            }
            Type::I64 => {
                let number = self.number().cast_signed();
                self.signed(number.into());
            }
            Type::I128 => {
                let number = u128::from(self.number()) << 64 | u128::from(self.number());
                let narrow = self.below(2) == 0;
                self.signed(if narrow { i128::from(number as u64 as i64) } else { number.cast_signed() });
            }
            Type::Text => self.text(),
            Type::Bool => {
                let byte = self.below(2) as u8;
                self.bytes.push(byte);
                let _ = write!(self.shown, "{}", byte == 1);
            }
            Type::Bytes16 => {
                let bytes = (u128::from(self.next()) << 64 | u128::from(self.next())).to_le_bytes();
                self.bytes.extend_from_slice(&bytes);
                let _ = write!(self.shown, "{bytes:?}");
            }
            Type::Bytes24 => {
                let bytes: [u8; 24] = std::array::from_fn(|_| self.next() as u8);
                self.bytes.extend_from_slice(&bytes);
                let _ = write!(self.shown, "{bytes:?}");
            }
            Type::Bytes => {
                let length = self.below(300) as usize;
                put_unsigned(&mut self.bytes, length as u128);
                let bytes: Vec<u8> = (0..length).map(|_| self.next() as u8).collect();
                self.bytes.extend_from_slice(&bytes);
                let _ = write!(self.shown, "{bytes:?}");
            }
            Type::U8 => {
                let byte = self.next() as u8;
                self.bytes.push(byte);
                let _ = write!(self.shown, "{byte}");
            }
            Type::Option(inner) => {
                let some = self.below(2) as u8;
                self.bytes.push(some);
                if some == 1 { self.wrapped("Some", inner) } else { self.shown.push_str("None") }
            }
            Type::List(inner) => self.list(inner),
            Type::Pair(first, second) => {
                self.shown.push('(');
                self.value(first);
                self.shown.push_str(", ");
                self.value(second);
                self.shown.push(')');
            }
            Type::Named(name) => self.named(name),
        }
    }

    fn list(&mut self, inner: &Type) {
        let length = self.below(4);
        put_unsigned(&mut self.bytes, length.into());
        self.shown.push('[');
        for place in 0..length {
            self.shown.push_str(if place > 0 { ", " } else { "" });
            self.value(inner);
        }
        self.shown.push(']');
    }

    fn wrapped(&mut self, name: &str, inner: &Type) {
        let _ = write!(self.shown, "{name}(");
        self.value(inner);
        self.shown.push(')');
    }

    fn fields(&mut self, name: &str, fields: &[(String, Type)]) {
        let _ = write!(self.shown, "{name} {{ ");
        for (place, (field, kind)) in fields.iter().enumerate() {
            let _ = write!(self.shown, "{}{field}: ", if place > 0 { ", " } else { "" });
            self.value(kind);
        }
        self.shown.push_str(" }");
    }

    fn named(&mut self, name: &str) {
        match &PAGE.types[name] {
            Shape::Unit(inner) => self.wrapped(name, inner),
            Shape::Struct(fields) => self.fields(name, fields),
            Shape::Enum(variants) => {
                let variant = &variants[self.below(variants.len() as u64) as usize];
                put_unsigned(&mut self.bytes, variant.tag.into());
                match &variant.holds {
                    Holds::Nothing => self.shown.push_str(&variant.name),
                    Holds::One(inner) => self.wrapped(&variant.name, inner),
                    Holds::Fields(fields) => self.fields(&variant.name, fields),
                }
            }
        }
    }
}

/// What the service makes of bytes is what the page makes of them: the same value, or none.
fn check_agreement(payload: &[u8]) -> Result<(), TestCaseError> {
    let (decoded, by_page) = (Entry::decode(payload), entry_shown(&PAGE, payload));
    match (&decoded, &by_page) {
        (Ok(entry), Ok(shown)) => {
            prop_assert_eq!(&format!("{entry:?}"), shown);
            prop_assert_eq!(&Entry::decode(&entry.encode()).unwrap(), entry);
        }
        (Err(_), Err(_)) => {}
        _ => prop_assert!(false, "the service says {decoded:?}, the page {by_page:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_page_allows_is_read_as_it_says_and_written_the_same(
        choices in prop::collection::vec(any::<u64>(), 0..240),
    ) {
        let bytes = vec![PAGE.number("ENTRY_VERSION") as u8];
        let mut making = Making { choices: choices.iter(), bytes, shown: String::new() };
        making.value(&Type::Named("Entry".into()));
        let entry = Entry::decode(&making.bytes);
        prop_assert!(entry.is_ok(), "{entry:?}: {}", making.shown);
        let entry = entry.unwrap();
        prop_assert_eq!(format!("{entry:?}"), making.shown);
        let (read, written) = (making.bytes, entry.encode());
        prop_assert_eq!(&written[1..], &read[1..]);
        prop_assert!(written[0] <= read[0], "it bears the version that brought in what it holds");
    }

    #[test]
    fn bytes_at_random_are_refused_or_read_as_the_page_reads_them(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check_agreement(&bytes)?;
        check_agreement(&[&[1, 0][..], &bytes].concat())?;
    }

    #[test]
    fn records_with_wrong_bytes_are_refused_or_read_as_the_page_reads_them(
        sample in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let samples = samples::all();
        let mut bytes = sample.get(&samples).1.encode();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check_agreement(&bytes)?;
    }
}

#[test]
fn a_length_without_bytes_behind_it_asks_for_no_memory() {
    assert_eq!(PAGE.number("DECODED_BYTES_MAX"), DECODED_BYTES_MAX as u64);
    let limit = DECODED_BYTES_MAX as u128;
    for claimed in [limit + 1, u128::from(u32::MAX), u128::from(u64::MAX)] {
        // A text's length, and a list's: of a `Received`, whose other fields before it are empty.
        for start in [&[1, 1, 0][..], &[1, 0, 0, 0, 0, 8, 0, 0, 0, 0]] {
            let mut bytes = start.to_vec();
            put_unsigned(&mut bytes, claimed);
            let answer = Entry::decode(&bytes);
            let Err(CodecError::Malformed(error)) = answer else { panic!("{claimed}: {answer:?}") };
            assert_eq!(format!("{error:?}"), "LimitExceeded", "{claimed}");
        }
        // Read where it lies: a text of the entry, and a list of its event.
        for start in [&[1, 0][..], &[1, 0, 0, 0, 0, 8, 0, 0, 0, 0]] {
            let mut bytes = start.to_vec();
            put_unsigned(&mut bytes, claimed);
            let answer = match EntryRef::decode(&bytes) {
                Ok(EntryRef::Member(entry)) => entry.event().map(|_| ()),
                Ok(EntryRef::Other(_)) => Ok(()),
                Err(error) => Err(error),
            };
            let Err(CodecError::Malformed(error)) = answer else { panic!("{claimed}: {answer:?}") };
            assert_eq!(format!("{error:?}"), "LimitExceeded", "{claimed}");
        }
    }
}

/// A step fills the more memory for a byte, the smaller its numbers: these need more than [`DECODED_BYTES_MAX`].
#[test]
fn a_return_of_a_million_small_steps_comes_back_read_either_way() {
    let steps = vec![Restore::Debt(Payment { accrual: Lsn(1), points: Points(1) }); 1_000_000];
    assert!(steps.len() * size_of::<Restore>() > DECODED_BYTES_MAX);
    let packed = codec::encode(&steps);
    assert!(codec::decode::<Vec<Restore>>(&packed).is_ok_and(|unpacked| unpacked == steps));
    assert!(codec::decode_borrowed::<Vec<Restore>>(&packed).is_ok_and(|unpacked| unpacked == steps));
}

/// Transfers can bring a member more lots than it could accrue.
#[test]
fn an_account_of_a_million_lots_comes_back() {
    let lot = |place| {
        let (id, accrual, source) = (LotId { lsn: Lsn(2), place }, Lsn(2), Lsn(1));
        let kind = LotKind { id, accrual, source, expire_at: None, graced: false };
        Lot { kind, remaining: Points(1), unfreeze_at: None }
    };
    let account = Account { lots: (0..1_000_000).map(lot).collect(), ..Account::default() };
    let packed = codec::encode(&account);
    assert!(codec::decode::<Account>(&packed).is_ok_and(|unpacked| unpacked == account));
}
