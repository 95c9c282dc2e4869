//! What `/metrics` answers, read strictly: the Prometheus text format as it is specified, and no more of it than is used.
use std::collections::{BTreeMap, BTreeSet};

/// One line of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Debug, Default)]
pub struct Metrics(pub BTreeMap<String, Family>);

impl Metrics {
    #[track_caller]
    pub fn parse(text: &str) -> Metrics {
        let mut metrics = Metrics::default();
        let mut current = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                current = name.to_owned();
                let family = Family { help: help.to_owned(), ..Family::default() };
                assert!(metrics.0.insert(current.clone(), family).is_none(), "{name} is there twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                assert_eq!(name, current, "a type stands below its help");
                metrics.0.get_mut(name).unwrap().kind = kind.to_owned();
            } else {
                let sample = sample(line);
                let family = metrics.0.get_mut(&current).expect("a family");
                let own = match family.kind.as_str() {
                    "histogram" => {
                        ["_bucket", "_sum", "_count"].map(|end| format!("{current}{end}")).to_vec()
                    }
                    _ => vec![current.clone()],
                };
                assert!(own.contains(&sample.name), "{line} is not of {current}");
                assert!(
                    !family
                        .samples
                        .iter()
                        .any(|other| other.name == sample.name && other.labels == sample.labels)
                );
                family.samples.push(sample);
            }
        }
        metrics
    }

    /// The value of the one sample with these labels; `None` where there is none.
    #[track_caller]
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let name = format!("eros_points_{name}");
        let labels: BTreeMap<String, String> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let samples = self.0.values().flat_map(|family| &family.samples);
        samples
            .filter(|sample| sample.name == name && sample.labels == labels)
            .map(|sample| sample.value)
            .next()
    }

    #[track_caller]
    pub fn value(&self, name: &str) -> f64 {
        self.find(name, &[]).unwrap_or_else(|| panic!("{name} has no value"))
    }

    /// Names as queries use them: a histogram's parts, otherwise the family's own.
    pub fn names(&self) -> BTreeSet<String> {
        let names = self.0.iter().flat_map(|(name, family)| match family.kind.as_str() {
            "histogram" => ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")).to_vec(),
            _ => vec![name.clone()],
        });
        names.collect()
    }
}

fn sample(line: &str) -> Sample {
    let (name, rest) = match line.split_once('{') {
        Some((name, rest)) => (name, rest),
        None => {
            let (name, value) = line.split_once(' ').expect("a value");
            return Sample { name: name.to_owned(), labels: BTreeMap::new(), value: value.parse().unwrap() };
        }
    };
    let (mut labels, mut rest) = (BTreeMap::new(), rest);
    while !rest.starts_with('}') {
        let (label, value) = rest.split_once("=\"").expect("a label");
        let end = end_of_text(value);
        labels.insert(label.to_owned(), value[..end].replace("\\\"", "\"").replace("\\\\", "\\"));
        rest = value[end + 1..].trim_start_matches(',');
    }
    let value = rest.strip_prefix("} ").expect("a value");
    Sample { name: name.to_owned(), labels, value: value.parse().unwrap() }
}

fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    text.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })
    .expect("a closing quote")
}
