//! The settings file.
use eros_points::config::{Flags, load};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

/// One file for all runs, in memory where the system has such a place.
static FILE: LazyLock<(Mutex<std::fs::File>, PathBuf)> = LazyLock::new(|| {
    let place =
        if std::path::Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
    let path = place.join(format!("eros-points-fuzz-{}.toml", std::process::id()));
    (Mutex::new(std::fs::File::create(&path).expect("a file")), path)
});

pub fn run(data: &[u8]) {
    let (file, path) = &*FILE;
    let mut file = file.lock().expect("the file");
    file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).expect("an empty file");
    file.write_all(data).expect("a written file");
    let flags = Flags { config: Some(path.clone()), ..Flags::default() };
    if let Ok(settings) = load(&flags) {
        assert!(settings.segment_bytes > 0 && settings.min_free_bytes > 0);
    }
}
