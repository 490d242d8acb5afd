//! W1 to W4: both sides in turn, on a fresh copy of the same dimension each time, and every result
//! compared with what is right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::deliveries::{Population, Right, Workload};
use crate::measure::Cost;
use crate::rest;
use crate::results::{Load, Runs};
use crate::say;
use crate::server::Server;
use crate::sides::{self, Side};

/// What a round needs to know.
pub(crate) struct Rounds<'a> {
    pub(crate) server: &'a Server,
    pub(crate) home: &'a Path,
    pub(crate) population: Population,
    pub(crate) runs: usize,
    pub(crate) workloads: &'a [Workload],
    pub(crate) sides: &'a [Side],
}

/// The name of the database in which a measured load runs.
const SCRATCH: &str = "scratch";

impl Rounds<'_> {
    pub(crate) fn run(&self) -> Result<BTreeMap<Workload, Load>> {
        let people = self.population.people;
        say(&format!("N = {people}: deliveries and dimensions"));
        for workload in self.workloads {
            self.deliver(*workload)?;
        }
        self.make_templates()?;
        let mut loads = BTreeMap::new();
        for workload in self.workloads {
            loads.insert(*workload, self.measure(*workload)?);
        }
        self.drop_templates()?;
        Ok(loads)
    }

    fn measure(&self, workload: Workload) -> Result<Load> {
        let file = self.deliver(workload)?;
        let mut load = Load {
            rows: self.population.rows(workload),
            hayloft: Runs::default(),
            reference: Runs::default(),
            deduplicating: Runs::default(),
        };
        let right = |side: &Side| self.population.right_after(workload, side.keys());
        let right: Vec<Right> = self.sides.iter().map(right).collect();
        for _ in 0..self.runs {
            for (side, right) in self.sides.iter().zip(&right) {
                let cost = self.once(*side, workload, &file, *right)?;
                load.of(*side).push(cost);
            }
        }
        say(&format!("  {} {}", workload.name(), load.line()));
        Ok(load)
    }

    fn once(&self, side: Side, workload: Workload, file: &Path, right: Right) -> Result<Cost> {
        let template = match workload {
            Workload::W1 => template(side, "empty"),
            Workload::W2 | Workload::W3 | Workload::W4 => template(side, "full"),
        };
        self.server.copy(&template, SCRATCH)?;
        rest::wait_until_idle();
        let cost = side.load(self.server, self.home, SCRATCH, workload, file)?;
        let what = format!("{} after {}", side.tag(), workload.name());
        sides::check(self.server, SCRATCH, right, &what)?;
        self.server.drop_database(SCRATCH)?;
        Ok(cost)
    }

    /// The sides that are measured and have dimensions of their own.
    fn databases(&self) -> impl Iterator<Item = Side> {
        let is_measured = |side: &Side| self.sides.iter().any(|it| it.tag() == side.tag());
        [Side::Hayloft, Side::Reference]
            .into_iter()
            .filter(is_measured)
    }

    fn make_templates(&self) -> Result<()> {
        let file = self.deliver(Workload::W1)?;
        for side in self.databases() {
            let (empty, full) = (template(side, "empty"), template(side, "full"));
            side.prepare(self.server, self.home, &empty)?;
            let statement = format!("create database {full} template {empty}");
            self.server.execute("postgres", &statement)?;
            if self.workloads != [Workload::W1] {
                side.load(self.server, self.home, &full, Workload::W1, &file)?;
                self.server.execute(&full, "vacuum (analyze)")?;
            }
        }
        Ok(())
    }

    fn drop_templates(&self) -> Result<()> {
        for side in self.databases() {
            self.server.drop_database(&template(side, "empty"))?;
            self.server.drop_database(&template(side, "full"))?;
        }
        Ok(())
    }

    fn deliver(&self, workload: Workload) -> Result<PathBuf> {
        let folder = self.home.join("deliveries");
        Ok(self.population.deliver(&folder, workload)?)
    }
}

fn template(side: Side, state: &str) -> String {
    format!("{}_{state}", side.tag())
}
