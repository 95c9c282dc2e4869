//! `keygen`: an API key of the system's randomness. Nothing keeps it: it is printed once, and its hash goes to the file.
use crate::http::keys::{Key, Keys};
use anyhow::{Context, anyhow};
use std::io::Write;

#[derive(Debug, clap::Args)]
pub struct Wanted {
    /// What to call it in the keys file and in log lines [default: key- and the first digits of its hash]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The tenants that it is for, with commas between them, or * for all
    #[arg(long, value_name = "CRM_IDS", value_delimiter = ',', default_value = "*")]
    tenants: Vec<String>,
    /// What it may do there: read, write, admin, with commas between them
    #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "read,write")]
    scopes: Vec<String>,
}

pub fn run(wanted: &Wanted) -> anyhow::Result<()> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
    let key = Key::new(random);
    let hash = key.hash().to_hex();
    let name = wanted.name.clone().unwrap_or_else(|| format!("key-{}", &hash[..8]));
    let entry = entry(&name, &hash, wanted);
    // What the service would not read is not given out.
    Keys::parse(&entry).map_err(|why| anyhow!("{}", why.trim_start_matches("entry 1: ")))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}\n\n{entry}", key.reveal()).and_then(|()| out.flush()).context("printing the key")?;
    eprintln!(
        "The first line is the key. Give it to its user: it is shown this once and kept nowhere.\n\
         The rest is its entry for the keys file, which has only the key's hash. A running service reads the file\n\
         again when it gets SIGHUP."
    );
    Ok(())
}

fn entry(name: &str, hash: &str, wanted: &Wanted) -> String {
    let list = |items: &[String]| toml::Value::from(items.to_vec()).to_string();
    format!(
        "[[keys]]\nname = {}\nhash = \"{hash}\"\ntenants = {}\nscopes = {}",
        toml::Value::from(name),
        list(&wanted.tenants),
        list(&wanted.scopes)
    )
}
