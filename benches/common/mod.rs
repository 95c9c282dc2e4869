//! What the load programs share: how they are called, the servers that they start, what `/proc` and `/metrics` tell of
//! these, and the figures that they leave behind.
#![allow(dead_code, reason = "each program uses a part")]
pub mod called;
pub mod figures;
pub mod inside;
pub mod process;
pub mod served;

/// The middle one; of an even number the upper one of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// SplitMix64's last step: any number gives one that looks random.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
