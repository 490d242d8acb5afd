//! What was measured, as it is kept in `results.json`: a run replaces what it measured anew and
//! leaves the rest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::deliveries::Workload;
use crate::folder::{Drops, Waiting};
use crate::measure::{Cost, median};
use crate::server::SETTINGS;
use crate::sides::Side;

/// Everything that is kept.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// By the number of people.
    pub(crate) loads: BTreeMap<u64, BTreeMap<Workload, Load>>,
    pub(crate) start: Option<Start>,
    pub(crate) drops: Option<Drops>,
    pub(crate) waiting: Option<Waiting>,
}

/// On what it was measured.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Machine {
    pub(crate) day: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) system: String,
    pub(crate) postgres: String,
    pub(crate) settings: Vec<String>,
}

/// One load, on all sides.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Load {
    /// Rows of the file.
    pub(crate) rows: u64,
    pub(crate) hayloft: Runs,
    pub(crate) reference: Runs,
    pub(crate) deduplicating: Runs,
}

/// The runs of one side, in their order.
#[derive(Serialize, Deserialize, Clone, Default)]
pub(crate) struct Runs(Vec<Cost>);

/// From the start of the process to its first row in the ledger, for a file of one row.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) median_ms: f64,
    pub(crate) process_ms: f64,
}

impl Runs {
    pub(crate) fn push(&mut self, cost: Cost) {
        self.0.push(cost);
    }

    /// The median; `None` where the side was not run.
    pub(crate) fn seconds(&self) -> Option<f64> {
        self.median(|cost| cost.seconds)
    }

    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        self.median(|cost| cost.cpu_seconds)
    }

    pub(crate) fn peak_mib(&self) -> Option<f64> {
        self.median(|cost| cost.peak_mib)
    }

    fn median(&self, of: impl Fn(&Cost) -> f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| median(self.0.iter().map(of)))
    }
}

impl Load {
    pub(crate) fn of(&mut self, side: Side) -> &mut Runs {
        match side {
            Side::Hayloft => &mut self.hayloft,
            Side::Reference => &mut self.reference,
            Side::ReferenceDeduplicating => &mut self.deduplicating,
        }
    }

    /// Hayloft's time over that of the hand-written SQL.
    pub(crate) fn ratio(&self) -> Option<f64> {
        Some(self.hayloft.seconds()? / self.reference.seconds()?)
    }

    /// Hayloft's own share, without the server's, for each row of the file.
    #[allow(clippy::cast_precision_loss, reason = "rows are no more than 2⁵²")]
    pub(crate) fn cpu_micros_per_row(&self) -> Option<f64> {
        Some(self.hayloft.cpu_seconds()? * 1e6 / self.rows as f64)
    }

    /// For whoever watches it being measured.
    pub(crate) fn line(&self) -> String {
        let shown = |value: Option<f64>, unit: &str| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}{unit}"))
        };
        format!(
            "hayloft {} ({}, {}), reference {}, deduplicating {}, ratio {}",
            shown(self.hayloft.seconds(), " s"),
            shown(self.cpu_micros_per_row(), " µs of its own a row"),
            shown(self.hayloft.peak_mib(), " MiB"),
            shown(self.reference.seconds(), " s"),
            shown(self.deduplicating.seconds(), " s"),
            shown(self.ratio(), "")
        )
    }
}

impl Results {
    /// What is kept in this file, or nothing yet.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        Ok(fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// Puts in what another run measured.
    pub(crate) fn take(&mut self, newer: Self) {
        self.machine = newer.machine;
        for (people, loads) in newer.loads {
            self.loads.entry(people).or_default().extend(loads);
        }
        self.start = newer.start.or(self.start);
        self.drops = newer.drops.or(self.drops);
        self.waiting = newer.waiting.or(self.waiting);
    }
}

impl Machine {
    pub(crate) fn this(postgres: &str, more: &[String]) -> Self {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':'))
                .map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let kib: u64 = field(&memory, "MemTotal")
            .split(' ')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_default();
        let system = Command::new("uname").arg("-sr").output();
        let system = system.map_or_else(|_| Vec::new(), |said| said.stdout);
        Self {
            day: chrono::Utc::now().format("%Y-%m-%d").to_string(),
            processor: field(&cpu, "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib.div_ceil(1 << 20),
            system: String::from_utf8_lossy(&system).trim().to_owned(),
            postgres: postgres.to_owned(),
            settings: SETTINGS
                .iter()
                .map(ToString::to_string)
                .chain(more.iter().cloned())
                .collect(),
        }
    }
}
