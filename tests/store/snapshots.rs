//! What a start begins from: snapshots, good, damaged or missing.
