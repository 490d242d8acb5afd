//! What a file would do. It goes the way of a load up to the commit, and there the database goes
//! back; nothing is written anywhere, and the file stays as it is.

use super::desk::{Attendant, Desk, Wish};
use super::report;
use super::way::{Way, add_findings, by_current_contracts, open};
use crate::error::{LoadError, Verdict};
use crate::merge;
use crate::stage::reject::{Reject, Severity};
use crate::stage::{Finding, StageFault, Staged, Tally};
use crate::watch::Arrival;

/// The most rejected rows that are told of.
const MOST: usize = 1000;

/// What a file would do, and what is wrong with it.
#[derive(Debug)]
pub struct Planned {
    /// How its load would end.
    pub forecast: Forecast,
    /// What is wrong with its rows, as far as that is found without the database.
    pub rejects: Vec<Reject>,
    /// How many rejects more there are.
    pub left_out: u64,
}

/// How a load would end.
#[derive(Debug)]
pub enum Forecast {
    /// It would be loaded, skipped or held, as the plan says.
    Merge(Box<merge::Plan>),
    /// It would be refused.
    Refuse {
        /// Why, in a sentence.
        reason: String,
        /// What would become of its rows; nothing, if it cannot be read to its end.
        tally: Option<Tally>,
    },
}

/// Finds out what a file would do, with up to so many keys of each kind of change.
///
/// An error means that it could not be found out.
pub fn plan(
    desk: &Desk,
    arrival: &Arrival,
    wish: &Wish,
    samples: usize,
    attendant: &dyn Attendant,
) -> Result<Planned, LoadError> {
    by_current_contracts(desk, attendant, |contracts| {
        let way = Way::new(desk, contracts, arrival, wish, attendant)?;
        plan_one(&way, arrival, samples)
    })
}

fn plan_one(way: &Way<'_>, arrival: &Arrival, samples: usize) -> Result<Planned, LoadError> {
    let file = open(arrival).map_err(LoadError::Open)?;
    let taken_in = way.without_refused(&file, |staged, instant| way.plan(staged, instant, samples));
    let (mut staged, planned) = match taken_in {
        Ok(taken_in) => taken_in,
        Err(error) => return refused(error, None),
    };
    match planned {
        Ok(plan) => tell(Forecast::Merge(Box::new(plan)), Some(&mut staged)),
        Err(error) => {
            add_findings(&mut staged, &error).map_err(StageFault::Spool)?;
            refused(error, Some(&mut staged))
        }
    }
}

fn refused(error: LoadError, staged: Option<&mut Staged>) -> Result<Planned, LoadError> {
    if error.verdict() != Verdict::Refuse {
        return Err(error);
    }
    let forecast = Forecast::Refuse {
        reason: error.to_string(),
        tally: staged.as_ref().map(|staged| staged.tally),
    };
    tell(forecast, staged)
}

fn tell(forecast: Forecast, staged: Option<&mut Staged>) -> Result<Planned, LoadError> {
    let mut planned = Planned {
        forecast,
        rejects: Vec::new(),
        left_out: 0,
    };
    let Some(staged) = staged else {
        return Ok(planned);
    };
    staged.findings.read_back(|finding: Finding| {
        if finding.reject.kind.severity() == Severity::Error {
            if planned.rejects.len() < MOST {
                planned.rejects.push(finding.reject);
            } else {
                planned.left_out += 1;
            }
        }
        Ok::<_, StageFault>(())
    })?;
    Ok(planned)
}

impl Planned {
    /// The rejects, a line each.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.rejects.iter().map(report::line)
    }
}
