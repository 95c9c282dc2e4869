//! A request's bytes, made once; only the numbers in it change from one to the next.

/// Bytes with places for numbers. Making a request is writing a few digits.
pub struct Template {
    bytes: Vec<u8>,
    /// Where a number stands, how many digits it has, and which of the given ones it is.
    places: Vec<(usize, usize, usize)>,
}

/// A place for the number `which` (from 0), of so many digits.
pub fn place(which: u8, digits: usize) -> String {
    // A run of one control character, which no request has otherwise.
    String::from_utf8(vec![which + 1; digits]).expect("control characters are ASCII")
}

/// The control characters that can mark a place.
const MARKS: std::ops::RangeInclusive<u8> = 1..=8;

impl Template {
    pub fn of(text: String) -> Template {
        let bytes = text.into_bytes();
        let mut places = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let mark = bytes[at];
            let digits = bytes[at..].iter().take_while(|byte| **byte == mark).count();
            if MARKS.contains(&mark) {
                places.push((at, digits, usize::from(mark - 1)));
            }
            at += digits;
        }
        Template { bytes, places }
    }

    /// The request with these numbers in their places.
    pub fn with(&mut self, numbers: &[u64]) -> &[u8] {
        for &(at, digits, which) in &self.places {
            write_digits(&mut self.bytes[at..at + digits], numbers[which]);
        }
        &self.bytes
    }

    /// The same where each place has a number of its own: `number(which)` is asked in the places' order.
    pub fn with_each(&mut self, mut number: impl FnMut(usize) -> u64) -> &[u8] {
        for &(at, digits, which) in &self.places {
            write_digits(&mut self.bytes[at..at + digits], number(which));
        }
        &self.bytes
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    debug_assert_eq!(number, 0, "a number that fits its place");
}
