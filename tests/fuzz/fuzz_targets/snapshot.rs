#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| eros_points_fuzz::snapshot::run(data));
