//! Files of `tests/fixtures/`: compared with what this build makes; written only when asked for, and never over others.
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Writes a fixture that is not there yet, if the caller of the tests asked for it.
pub fn write_absent(name: &str, make: impl FnOnce() -> Vec<u8>) {
    let path = path(name);
    if !path.exists() && std::env::var_os("EROS_WRITE_FIXTURES").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, make()).unwrap();
    }
}

/// Holds `made` against the fixture of that name.
#[track_caller]
pub fn same(name: &str, made: &[u8]) {
    write_absent(name, || made.to_vec());
    let pinned = read(name);
    if pinned == made {
        return;
    }
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (lines(&pinned), lines(made));
    let place = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    panic!(
        "{name} is not what this build writes, from line {}:\n  pinned {:?}\n  made   {:?}\nhint: bytes on disk have changed; see wal/README.md, \"Versions\"",
        place + 1,
        old.get(place),
        new.get(place)
    );
}

#[track_caller]
pub fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Bytes as lines of 32, each with its offset; lines of zeros are left out.
pub fn to_lines(bytes: &[u8]) -> String {
    let mut text = format!("{} bytes; what is not shown is zero\n", bytes.len());
    for (place, chunk) in bytes.chunks(32).enumerate() {
        if chunk.iter().any(|byte| *byte != 0) {
            let _ = writeln!(text, "{:06x} {}", place * 32, to_hex(chunk));
        }
    }
    text
}

pub fn from_lines(text: &str) -> Vec<u8> {
    let (head, lines) = text.split_once('\n').expect("a first line");
    let mut bytes = vec![0; head.split(' ').next().unwrap().parse().expect("a size")];
    for line in lines.lines() {
        let (offset, hex) = line.split_once(' ').expect("offset and bytes");
        let (offset, chunk) = (usize::from_str_radix(offset, 16).unwrap(), from_hex(hex));
        bytes[offset..offset + chunk.len()].copy_from_slice(&chunk);
    }
    bytes
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn from_hex(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hexadecimal digits"))
        .collect()
}
