//! The rows: what the service's records look like, made from their number alone, so that any of them can be made again.
use crate::postings::ListKey;

pub const TENANT: &str = "10080";
const SCENES: u64 = 10;
const STORES: u64 = 200;
const CAMPAIGNS: u64 = 5;
const COST_CENTERS: u64 = 40;
/// Records are this many to a second of their `create_time`.
const PER_SECOND: u64 = 1_000;
const FIRST_MS: i64 = 1_700_000_000_000;

/// The fields that posting lists are kept of.
pub const FIELDS: usize = 6;

pub struct Row {
    pub lsn: u64,
    pub created_ms: i64,
    pub kind: u8,
    pub member_no: String,
    pub event_no: String,
    pub scene: String,
    pub store: String,
    pub cost_center: String,
    pub campaign: String,
    pub payload: Vec<u8>,
    pub member: [u8; 12],
    pub key: [u8; 20],
    /// All, type, scene, store, cost center, campaign.
    pub lists: [ListKey; FIELDS],
}

/// Makes the rows of one run.
pub struct Rows {
    pub members: u64,
    kinds: Vec<ListKey>,
    scenes: Vec<ListKey>,
    stores: Vec<ListKey>,
    cost_centers: Vec<ListKey>,
    campaigns: Vec<ListKey>,
    all: ListKey,
}

/// SplitMix64's last step: any number gives one that looks random.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn hash<const N: usize>(purpose: u8, parts: &[&str]) -> [u8; N] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[purpose]);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut out = [0; N];
    hasher.finalize_xof().fill(&mut out);
    out
}

fn list(field: u8, value: &str) -> ListKey {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&hash::<8>(1, &[TENANT]));
    key[8] = field;
    if !value.is_empty() {
        key[9..].copy_from_slice(&hash::<8>(3, &[value]));
    }
    key
}

fn scene(n: u64) -> String {
    format!("order_pay_{n}")
}

fn store(n: u64) -> String {
    format!("ec_mall_{n:03}")
}

fn cost_center(n: u64) -> String {
    format!("cost_center{n:03}")
}

fn campaign(n: u64) -> String {
    format!("CMP2026{n:02}")
}

impl Rows {
    pub fn new(members: u64) -> Rows {
        let lists = |field: u8, count: u64, name: fn(u64) -> String| {
            (0..count).map(|n| list(field, &name(n))).collect::<Vec<_>>()
        };
        Rows {
            members,
            kinds: lists(1, 3, |n| format!("kind{n}")),
            scenes: lists(2, SCENES, scene),
            stores: lists(3, STORES, store),
            cost_centers: lists(4, COST_CENTERS, cost_center),
            campaigns: lists(5, CAMPAIGNS, campaign),
            all: list(0, ""),
        }
    }

    pub fn row(&self, lsn: u64) -> Row {
        let random = mix(lsn);
        let member_no = format!("ec_18165fd7455_{:09}", random % self.members);
        let event_no = format!("EACH202206{:020}", mix(random));
        self.named(lsn, member_no, event_no)
    }

    /// As [`Rows::row`], under a number that no record has.
    pub fn absent(&self, lsn: u64) -> Row {
        let member_no = format!("ec_18165fd7455_{:09}", mix(lsn) % self.members);
        self.named(lsn, member_no, format!("MISS202206{:020}", mix(!lsn)))
    }

    fn named(&self, lsn: u64, member_no: String, event_no: String) -> Row {
        let random = mix(lsn ^ 0x5555);
        let pick = |shift: u32, count: u64| ((random >> shift) % count) as usize;
        // Six accruals to two spends to one reversal.
        let kind = [0, 0, 0, 0, 0, 0, 1, 1, 2][pick(3, 9)];
        let of = [pick(7, SCENES), pick(13, STORES), pick(23, COST_CENTERS), pick(31, CAMPAIGNS)];
        let created_ms = FIRST_MS + (lsn * 1_000 / PER_SECOND) as i64;
        let mut key = [0; 20];
        key[..8].copy_from_slice(&hash::<8>(4, &[TENANT, &event_no]));
        key[8..].copy_from_slice(&hash::<12>(5, &[TENANT, &member_no, &event_no]));
        let mut row = Row {
            lsn,
            created_ms,
            kind,
            member: hash(2, &[TENANT, &member_no]),
            key,
            member_no,
            event_no,
            scene: scene(of[0] as u64),
            store: store(of[1] as u64),
            cost_center: cost_center(of[2] as u64),
            campaign: campaign(of[3] as u64),
            payload: Vec::new(),
            lists: [
                self.all,
                self.kinds[usize::from(kind)],
                self.scenes[of[0]],
                self.stores[of[1]],
                self.cost_centers[of[2]],
                self.campaigns[of[3]],
            ],
        };
        row.payload = payload(&row, random);
        row
    }
}

/// The record's bytes, as long as the service's and with as much in them that does not repeat.
fn payload(row: &Row, random: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(1);
    let text = |out: &mut Vec<u8>, text: &str| {
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    };
    text(&mut out, TENANT);
    text(&mut out, &row.member_no);
    out.extend_from_slice(&row.created_ms.to_le_bytes());
    out.push(row.kind);
    text(&mut out, &row.event_no);
    // The fingerprint of the request.
    out.extend_from_slice(&mix(random).to_le_bytes());
    out.extend_from_slice(&mix(!random).to_le_bytes());
    out.extend_from_slice(&(random % 100_000).to_le_bytes());
    out.extend_from_slice(&(row.created_ms + 180 * 86_400_000).to_le_bytes());
    for part in [&row.scene, &row.store, &row.cost_center, &row.campaign] {
        text(&mut out, part);
    }
    // Amount, rule, and the first of the debts that were paid.
    for random in [random >> 20, random >> 40, mix(random ^ 1)] {
        out.extend_from_slice(&random.to_le_bytes());
    }
    text(&mut out, "小程序");
    text(&mut out, "order");
    text(&mut out, "用户购买了100元酸奶");
    out.extend_from_slice(&(random % 1_000_000_007).to_le_bytes());
    out
}
